//! What every function knows: the contract between the state machine and its functions, the input, errors and findings, and the decisions that need
//! no server (names, LSNs, recovery log, lag).

pub mod connections;
pub mod contract;
pub mod credentials;
pub mod error;
pub mod finding;
pub mod fleet;
pub mod input;
pub mod lag;
pub mod load;
pub mod lsn;
pub mod metrics;
pub mod names;
pub mod recovery_log;
pub mod window;
