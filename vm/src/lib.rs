//! Kernels, initramfs and QEMU. Knows nothing of scenarios.
#![forbid(unsafe_code)]
