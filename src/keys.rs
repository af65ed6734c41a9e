//! What a user's local Azure is recognised by: an authority, a token key and a client secret.
//!
//! Made once per user, in one folder that only they can read, so that a client that trusts the
//! authority or holds a token still may after a restart. The folder is made whole under another
//! name and then renamed: two commands that start at once end with one and the same folder.

use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use turquoise_emulator::control_plane::config::TENANT;
use turquoise_emulator::drive::live::SignIn;
use turquoise_emulator::identity::{
    Admission, CLIENT_ID, Identity, IdentityConfig, KeyError, TokenKey, generate_secret,
};
use turquoise_emulator::trust::{Authority, TrustError};

use crate::failure::Failure;

/// The authority's certificate: the one file that others may read.
const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca.key";
const TOKEN_KEY_FILE: &str = "token.key";
const SECRET_FILE: &str = "client-secret";

/// Where the keys are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeysFolder {
    /// The folder with your local Azure's authority and client secret; made on first use.
    ///
    /// By default `turquoise` in `$XDG_DATA_HOME`, or in `~/.local/share`.
    #[arg(long, value_name = "DIR", env = "TURQUOISE_KEYS")]
    keys: Option<PathBuf>,
}

/// Keys as they are in the folder.
#[derive(Debug)]
pub(crate) struct Keys {
    folder: PathBuf,
    /// The secret of the one application.
    pub(crate) client_secret: String,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("`{path}`")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{path}` holds no key that can be used")]
    TokenKey {
        path: PathBuf,
        #[source]
        source: KeyError,
    },
    #[error("the authority in `{path}` cannot be used")]
    Authority {
        path: PathBuf,
        #[source]
        source: TrustError,
    },
}

impl KeysFolder {
    /// Reads the keys; makes them where there are none.
    pub(crate) fn open(&self) -> Result<Keys, Failure> {
        let folder = self.path()?;
        open(&folder).map_err(|error| unusable(&folder, &error))
    }

    /// The folder, whether or not it is there.
    fn path(&self) -> Result<PathBuf, Failure> {
        let below = |variable: &str, rest: &str| {
            let value = std::env::var_os(variable).filter(|value| !value.is_empty())?;
            Some(PathBuf::from(value).join(rest))
        };
        self.keys
            .clone()
            .or_else(|| below("XDG_DATA_HOME", "turquoise"))
            .or_else(|| below("HOME", ".local/share/turquoise"))
            .ok_or_else(|| {
                Failure::usage(
                    "there is no place for keys: neither `XDG_DATA_HOME` nor `HOME` is set",
                )
                .next("name a folder with --keys")
            })
    }
}

impl Keys {
    /// The certificate that clients are told to trust.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join(CA_FILE)
    }

    /// A folder for the settings of another program, one per endpoint.
    pub(crate) fn settings_of(&self, program: &str, endpoint: &str) -> PathBuf {
        let host = endpoint.split("://").last().unwrap_or(endpoint);
        self.folder
            .join(program)
            .join(host.replace([':', '/'], "-"))
    }

    /// What a local Azure needs to be recognised by them.
    pub(crate) fn sign_in(&self, admission: Admission) -> Result<SignIn, Failure> {
        self.build(admission)
            .map_err(|error| unusable(&self.folder, &error))
    }

    fn build(&self, admission: Admission) -> Result<SignIn, KeysError> {
        let path = self.folder.join(TOKEN_KEY_FILE);
        let key = TokenKey::from_pkcs8(&read(&path)?)
            .map_err(|source| KeysError::TokenKey { path, source })?;
        let path = self.folder.join(CA_KEY_FILE);
        let pem = String::from_utf8_lossy(&read(&path)?).into_owned();
        let tls = Authority::from_key_pem(&pem)
            .and_then(|authority| authority.server(unix_seconds()))
            .map_err(|source| KeysError::Authority { path, source })?;
        let identity = Identity::new(IdentityConfig {
            tenant: TENANT.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: self.client_secret.clone(),
            key,
            admission,
        });
        Ok(SignIn { tls, identity })
    }
}

fn unusable(folder: &Path, error: &KeysError) -> Failure {
    Failure::usage(format!(
        "the keys of the local Azure in `{}` cannot be used",
        folder.display()
    ))
    .because(error)
    .next("remove that folder to get new ones, or name another with --keys")
}

fn open(folder: &Path) -> Result<Keys, KeysError> {
    if !folder.join(SECRET_FILE).exists() {
        make(folder)?;
    }
    let secret = read(&folder.join(SECRET_FILE))?;
    Ok(Keys {
        folder: folder.to_owned(),
        client_secret: String::from_utf8_lossy(&secret).trim().to_owned(),
    })
}

fn make(folder: &Path) -> Result<(), KeysError> {
    let mut name = folder.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(name);
    let made = fill(&draft).and_then(|()| match fs::rename(&draft, folder) {
        // Somebody else was faster: theirs are as good.
        Err(_) if folder.join(SECRET_FILE).exists() => Ok(()),
        renamed => renamed.map_err(file(folder)),
    });
    let _renamed = fs::remove_dir_all(&draft);
    made
}

fn fill(draft: &Path) -> Result<(), KeysError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(draft)
        .map_err(file(draft))?;
    let authority = || -> Result<(String, String), TrustError> {
        let made = Authority::generate()?;
        Ok((made.key_pem(), made.certificate_pem(unix_seconds())?))
    };
    let (key, certificate) = authority().map_err(|source| KeysError::Authority {
        path: draft.join(CA_KEY_FILE),
        source,
    })?;
    let path = draft.join(TOKEN_KEY_FILE);
    let random = |source| KeysError::TokenKey { path, source };
    let token = TokenKey::generate().and_then(|token| Ok((token, generate_secret()?)));
    let (token, secret) = token.map_err(random)?;
    write(&draft.join(CA_KEY_FILE), 0o600, key.as_bytes())?;
    write(&draft.join(CA_FILE), 0o644, certificate.as_bytes())?;
    write(&draft.join(TOKEN_KEY_FILE), 0o600, &token)?;
    write(&draft.join(SECRET_FILE), 0o600, secret.as_bytes())
}

fn write(path: &Path, mode: u32, contents: &[u8]) -> Result<(), KeysError> {
    let opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    opened
        .and_then(|mut opened| opened.write_all(contents))
        .map_err(file(path))
}

fn read(path: &Path) -> Result<Vec<u8>, KeysError> {
    fs::read(path).map_err(file(path))
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> KeysError {
    let path = path.to_owned();
    |source| KeysError::File { path, source }
}

/// Certificates begin and end by the wall clock.
fn unix_seconds() -> u64 {
    let now = jiff::Timestamp::now().as_second();
    u64::try_from(now).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn keys(folder: &Path) -> Keys {
        open(folder).expect("a folder that can be written")
    }

    #[test]
    fn keys_are_made_once_and_then_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("below/keys");
        let (first, second) = (keys(&folder), keys(&folder));
        assert_eq!(first.client_secret, second.client_secret);
        assert!(first.client_secret.len() >= 32);
        let certificate = fs::read_to_string(first.ca_file()).expect("a certificate");
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        first.sign_in(Admission::default()).expect("usable keys");
    }

    #[test]
    fn only_their_owner_reads_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keys = keys(&folder.path().join("keys"));
        let mode = |path: &Path| {
            let data = fs::metadata(path).expect("it was made");
            data.permissions().mode() & 0o777
        };
        assert_eq!(mode(&keys.folder), 0o700);
        for name in [CA_KEY_FILE, TOKEN_KEY_FILE, SECRET_FILE] {
            assert_eq!(mode(&keys.folder.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_broken_key_says_which_folder_to_remove() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("keys");
        let keys = keys(&folder);
        fs::write(folder.join(TOKEN_KEY_FILE), "no key").expect("it can be written");
        let failure = keys.sign_in(Admission::default()).expect_err("no key");
        assert!(failure.what.contains(&folder.display().to_string()));
        assert!(failure.next.contains("remove that folder"));
    }
}
