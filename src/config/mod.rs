//! stand-in
#![allow(missing_docs)]
use std::time::Duration; use std::net::IpAddr;
pub struct Config { pub frontend: Frontend, pub http: Option<Section>, pub websocket: Option<Section>, pub log: Log }
pub struct Frontend { pub host: String, pub port: u16, pub max_connections: Option<usize>, pub header_timeout: Duration, pub body_timeout: Duration, pub idle_timeout: Duration, pub write_timeout: Duration, pub max_header_bytes: usize, pub max_headers: usize, pub max_body_bytes: u64, pub trusted_proxies: Vec<Network>, pub shutdown_timeout: Duration, pub drain_delay: Duration }
pub struct Network; impl Network { pub fn contains(&self, _ip: IpAddr) -> bool {false} }
#[derive(Clone, Copy)]
pub enum Algorithm { RoundRobin, Random }
pub struct Section { pub algorithm: Algorithm, pub health: Option<HealthCheck>, pub connect_timeout: Duration, pub response_timeout: Duration, pub idle_timeout: Duration, pub servers: Vec<ServerConfig> }
#[derive(Clone, Debug)]
pub struct HealthCheck { pub interval: Duration, pub timeout: Duration, pub path: String, pub rise: u32, pub fall: u32 }
pub struct ServerConfig { pub number: u64, pub address: Address, pub workers: Workers }
#[derive(Clone, Debug)]
pub struct Address { pub host: String, pub port: u16 }
impl std::fmt::Display for Address { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{}:{}", self.host, self.port) } }
pub struct Workers { pub max: usize, pub min: usize, pub timeout: Duration, pub buffer_size: usize, pub spawn_timeout: Duration }
pub struct Log { pub level: log::LevelFilter, pub access: Access }
#[derive(Clone, Copy, PartialEq)]
pub enum Access { Off, Common, Json }
