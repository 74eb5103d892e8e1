//! Random bits for encryption: a seed that the caller draws, and the stream that follows from it (BLAKE3 in its
//! extendable mode, keyed by the seed), in the form that rPGP takes.

/// Fresh random bytes from the operating system, drawn by the caller. A session key comes of them, so no two
/// mails may have the same.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// The stream of random bytes that a seed gives.
pub(super) struct Stream(blake3::OutputReader);

impl Stream {
    pub(super) fn of(seed: &Seed) -> Stream {
        Stream(
            blake3::Hasher::new_keyed(&seed.0)
                .update(b"watchfire openpgp")
                .finalize_xof(),
        )
    }
}

impl rand_core::RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, to: &mut [u8]) {
        self.0.fill(to);
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(to);
        Ok(())
    }
}

impl rand_core::CryptoRng for Stream {}
