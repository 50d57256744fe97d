//! Prints the start LSN that a PostgreSQL log gives: `cargo run -q -p shared --example start-lsn -- FILE`.

use std::process::ExitCode;

use shared::recovery_log::{Recovery, first_recovery};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for people")]
fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: start-lsn FILE");
        return ExitCode::from(2);
    };
    let log = match std::fs::read(&file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return ExitCode::from(2);
        }
    };
    if let Some(lsn) = first_recovery(log.lines()).and_then(Recovery::start_lsn) {
        println!("{lsn}");
        return ExitCode::SUCCESS;
    }
    eprintln!("StartLsnNotFound: the log has no recovery that ended, or one that does not say where");
    ExitCode::FAILURE
}
