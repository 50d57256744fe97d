//! Prints the start LSN that a PostgreSQL log gives: `cargo run -q -p shared --example start-lsn -- FILE`.
//!
//! The first start in the file counts as the target's: leave out lines of other servers. If the LSN is not certain, the
//! command prints only the name of the error and the reason.

use std::process::ExitCode;

use shared::recovery_log::{Log, LogAnswer, Origin};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for people")]
fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: start-lsn FILE");
        return ExitCode::from(2);
    };
    let text = match std::fs::read(&file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return ExitCode::from(2);
        }
    };
    let mut log = Log::new(Origin::default());
    text.lines().for_each(|line| log.read(line));
    let why = match log.answer() {
        LogAnswer::Recovery(recovery) => {
            println!("{}", recovery.start_lsn);
            return ExitCode::SUCCESS;
        }
        LogAnswer::NotYet => "StartLsnNotFound: the log has no completed recovery",
        LogAnswer::NoPosition => "StartLsnNotFound: the first start in the log does not show where the data ended",
        LogAnswer::Doubtful => "StartLsnDoubtful: lines of the log contradict each other",
    };
    eprintln!("{why}");
    ExitCode::FAILURE
}
