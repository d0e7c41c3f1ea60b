//! System calls that only the guest needs: its PID 1, and the operations of a scenario.

pub mod channel;
pub mod device;
pub mod files;
pub mod icmp;
pub mod ipc;
pub mod machine;
pub mod privilege;
pub mod raw;
pub mod task;
