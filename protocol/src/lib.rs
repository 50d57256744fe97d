//! A model of the protocol: the cutover, its undo and the way forward, with every possible interruption.
//!
//! A [`state::World`] is the complete state at one moment, [`moves::moves`] are all possible next events. Nothing is
//! random: [`explore::explore`] visits every world. Calls whose answer was lost go on as late calls; a process
//! can die at every step and leave its sessions behind; sessions can die alone; a person can stop the execution
//! at any moment and start another one.
//!
//! Not modelled: time (anything with a limit may end early or late), the inside of a single PostgreSQL statement,
//! the steps before the approval, snapshots. A write is acknowledged in one move, since `lock table` waits for writes
//! in progress; a transaction of our own is also one move, except the one that closes the fence.

pub mod bug;
pub mod call;
pub mod explore;
pub mod moves;
pub mod property;
pub mod protocol;
pub mod state;
pub mod step;
