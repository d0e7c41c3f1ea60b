//! One façade for the kernel: every syscall and every `unsafe` block of the project is below this module.
