//! The configuration as a whole: what is taken, what is refused, and that nothing makes it panic.

mod accepted;
mod refused;
mod robust;

/// The file that the gateway was first written for.
const EXAMPLE: &str = include_str!("example.ini");

/// The least file that is right, with `extra` at the end of its `[http]`.
fn least(extra: &str) -> String {
    format!("[frontend]\nhost=h\nport=80\n[http]\nserver1=a:1\n{extra}")
}
