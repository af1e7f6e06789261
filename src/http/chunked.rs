//! Stand-in.
/// Stand-in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chunked {}
impl Chunked {
    /// Stand-in.
    pub fn new() -> Self {
        Self {}
    }
}
