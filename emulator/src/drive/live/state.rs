//! Everything stored as a document, for those who keep it over restarts.

use std::io;

use super::Live;
use crate::admin::Copy;
use crate::http::Drive;

impl Live {
    /// Counts changes of what is stored: while it stays, so does [`Live::copy`].
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.shared.cloud().control_plane().revision()
    }

    /// Everything stored, as the document that [`Live::restore`] takes. It holds secrets, such as
    /// the keys of listeners' certificates.
    #[must_use]
    pub fn copy(&self) -> String {
        let copy = Copy::of(&self.shared.cloud());
        serde_json::to_string(&copy).expect("plain values always serialise")
    }

    /// Begins anew with what a document holds. Its writes are made again, and the cloud's time jumps
    /// ahead by what their operations take.
    ///
    /// # Errors
    /// When the document is none of ours or does not fit this cloud, which then stays as it is.
    pub fn restore(&self, document: &str) -> io::Result<()> {
        let invalid = |error: &dyn std::fmt::Display| {
            io::Error::new(io::ErrorKind::InvalidData, error.to_string())
        };
        let copy: Copy = serde_json::from_str(document).map_err(|error| invalid(&error))?;
        let mut cloud = self.administered.empty_cloud();
        copy.restore(&mut cloud).map_err(|error| invalid(&error))?;
        self.administered.replace(cloud);
        Ok(())
    }
}
