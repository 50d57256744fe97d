//! AWS's side of a run: RDS, secrets, settings, metrics of the disk, and the Lambda edge of every function. It knows no server.

pub mod client;
pub mod edge;
pub mod evidence;
pub mod https;
pub mod rds;
pub mod secrets;
pub mod settings;
pub mod storage;
