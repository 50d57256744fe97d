//! PostgreSQL's side of a run: sessions, the fence, locks, replication, comparison. It knows nothing of AWS.

pub mod apply_log;
pub mod catalog;
pub mod connect;
pub mod event_triggers;
pub mod fence;
pub mod foreign_function;
pub mod handover;
pub mod heartbeat;
pub mod large_objects;
pub mod locks;
pub mod replica_identity;
pub mod replication;
pub mod rows;
pub mod run_lock;
pub mod session_settings;
pub mod sql;
