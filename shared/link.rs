//! Build script of every function: how its binary is linked.

#[expect(clippy::print_stdout, reason = "a build script instructs cargo by its output")]
fn main() {
    // A position-independent executable carries almost a megabyte of relocations for OpenSSL's tables, an eighth of the
    // function. Libraries, heap and stack are still placed at random.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    println!("cargo::rerun-if-changed=../../shared/link.rs");
}
