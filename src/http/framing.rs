//! Stand-in.
use super::chunked::Chunked;
/// Stand-in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Stand-in.
    Length(u64),
    /// Stand-in.
    Chunked(Chunked),
    /// Stand-in.
    UntilClose,
}
impl Framing {
    /// Stand-in.
    pub const NONE: Self = Self::Length(0);
}
