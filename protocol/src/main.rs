//! `make model`: explores the protocol of the code, then finds what each seeded bug breaks.

#![expect(clippy::print_stdout, reason = "the answer is the output")]

use std::process::ExitCode;
use std::time::Instant;

use protocol::bug::Bug;
use protocol::explore::{Broken, explore, find_broken};
use protocol::moves::Bounds;
use protocol::protocol::Protocol;

/// Two faults at any steps: some two million worlds, half a minute.
const OF_THE_CODE: Bounds = Bounds { faults: 2, writes: 1, polls: 1 };

fn main() -> ExitCode {
    let began = Instant::now();
    let found = explore(OF_THE_CODE, &Protocol::of_the_code());
    println!(
        "protocol of the code, {} faults: {} worlds, {} moves, {} deep, {:.1} s",
        OF_THE_CODE.faults,
        found.worlds,
        found.moves,
        found.depth,
        began.elapsed().as_secs_f64()
    );
    for broken in &found.broken {
        println!("BROKEN: {:?}, {} moves:", broken.property, broken.trace.len());
        print_trace(broken);
    }
    let all_found = Bug::ALL.into_iter().filter(|bug| !is_found(*bug)).count() == 0;
    if found.broken.is_empty() && all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One fault is enough to find each bug. `TRACE=<bug>` prints the path.
fn is_found(bug: Bug) -> bool {
    let Some(broken) = find_broken(Bounds::SMALL, &Protocol::with(bug)) else {
        println!("{:<24} NOT FOUND", format!("{bug:?}"));
        return false;
    };
    println!("{:<24} breaks {:<20} in {} moves", format!("{bug:?}"), format!("{:?}", broken.property), broken.trace.len());
    if std::env::var("TRACE").is_ok_and(|wanted| wanted == format!("{bug:?}")) {
        print_trace(&broken);
    }
    true
}

fn print_trace(broken: &Broken) {
    for name in &broken.trace {
        println!("    {name:?}");
    }
    println!("    {:?}", broken.world);
}
