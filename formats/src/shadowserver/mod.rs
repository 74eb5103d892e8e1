//! Shadowserver reports through their published schema.

/// The published schema.
pub struct Schema {}
