//! What needs AWS and PostgreSQL at once: the two servers of a run, the switch of the application, and why replication stopped.

pub mod logins;
pub mod servers;
pub mod stopped;
pub mod switch;
