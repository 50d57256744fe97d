//! What the steps of the procedure share: the contract between the state machine and its functions, the
//! decisions that can be made without a server (names, LSNs, recovery log, lag), and the two ways out, to
//! PostgreSQL and to AWS.

pub mod apply_log;
pub mod aws;
pub mod catalog;
pub mod contract;
pub mod edge;
pub mod error;
pub mod event_triggers;
pub mod evidence;
pub mod fence;
pub mod finding;
pub mod fleet;
pub mod heartbeat;
pub mod https;
pub mod input;
pub mod lag;
pub mod large_objects;
pub mod load;
pub mod locks;
pub mod logins;
pub mod lsn;
pub mod metrics;
pub mod names;
pub mod pg;
pub mod rds;
pub mod recovery_log;
pub mod replica_identity;
pub mod replication;
pub mod rows;
pub mod run_lock;
pub mod secrets;
pub mod session_settings;
pub mod settings;
pub mod sql;
pub mod stopped;
pub mod storage;
pub mod switch;
pub mod window;
