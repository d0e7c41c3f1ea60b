//! A container's network: what it is given, and how it is reached.

use serde::{Deserialize, Serialize};

/// A veth pair: one end stays with the parent, its peer is born in the container's network namespace. veth(4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Veth {
    /// The parent's end, at most 15 bytes.
    pub host: String,
    /// The container's end, at most 15 bytes.
    pub container: String,
    /// `192.168.47.11/24`
    #[serde(default)]
    pub host_address: Option<String>,
    /// `192.168.47.12/24`
    #[serde(default)]
    pub container_address: Option<String>,
    /// Bytes; the kernel's default is 1500.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// Leave both ends down (the control for "before link-up the ping fails").
    #[serde(default)]
    pub down: bool,
}

/// An existing device that moves into the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Device {
    /// Its name in the parent's network namespace.
    pub name: String,
    /// Its name in the container, if another.
    #[serde(default)]
    pub rename: Option<String>,
    /// `10.0.0.2/24`
    #[serde(default)]
    pub address: Option<String>,
    /// Bytes.
    #[serde(default)]
    pub mtu: Option<u32>,
}

/// A route in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route {
    /// `10.0.0.0/8`, or `default`.
    pub to: String,
    /// The gateway's address.
    pub via: String,
}
