//! What needs AWS and PostgreSQL at once: the two servers of a run, the switch of the application, why replication stopped, and the way
//! back.

pub mod logins;
pub mod servers;
pub mod stopped;
pub mod switch;
pub mod way_back;
