//! Who we are to Azure: chosen with `--credential`, or tried in the order that Azure's own tools use.

use std::path::PathBuf;
use std::rc::Rc;

use clap::ValueEnum;
use futures_util::FutureExt;
use turquoise_emulator::identity::DEVELOPMENT_TOKEN;
use turquoise_orchestrator::live::LiveEnvironment;
use turquoise_orchestrator::{
    Access, Authority, Certificate, Credential, Identity, StaticToken, TokenCommand,
};

use crate::exit::Exit;
use crate::failure::Failure;

/// A cloud with its own endpoints (azure-facts.md §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cloud {
    /// Azure.
    Public,
    /// Azure Government of the United States.
    Usgov,
    /// Azure in China.
    China,
}

impl Cloud {
    /// Where Resource Manager answers.
    pub(crate) const fn endpoint(self) -> &'static str {
        match self {
            Self::Public => "https://management.azure.com",
            Self::Usgov => "https://management.usgovcloudapi.net",
            Self::China => "https://management.chinacloudapi.cn",
        }
    }

    const fn login(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::Usgov => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// The cloud whose Resource Manager answers there; the public one for an endpoint of your own.
    fn of(endpoint: &str) -> Self {
        let all = [Self::Public, Self::Usgov, Self::China];
        let found = all.into_iter().find(|cloud| cloud.endpoint() == endpoint);
        found.unwrap_or(Self::Public)
    }
}

/// Which identity to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A token in `TURQUOISE_TOKEN`, else the first of the others that gives one.
    #[default]
    Auto,
    /// The bearer token in `TURQUOISE_TOKEN`.
    Token,
    /// `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET` or `AZURE_CLIENT_CERTIFICATE_PATH` (PEM).
    Environment,
    /// `AZURE_CLIENT_ID` with the file in `AZURE_FEDERATED_TOKEN_FILE`.
    Workload,
    /// The identity of the machine that this runs on; `AZURE_CLIENT_ID` names one of several.
    Managed,
    /// Whoever is signed in to the az CLI.
    Cli,
}

/// What the environment says; a value of its own, so that tests need not change the process's.
pub(crate) struct Variables(pub(crate) Box<Lookup>);

/// What a variable holds, where it is set.
type Lookup = dyn Fn(&str) -> Option<String>;

impl Variables {
    /// Those of this process; empty ones are not there.
    pub(crate) fn process() -> Self {
        Self(Box::new(|name| {
            let value = std::env::var(name).ok()?;
            (!value.trim().is_empty()).then(|| value.trim().to_owned())
        }))
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    fn needed(&self, name: &str) -> Result<String, Failure> {
        self.get(name).ok_or_else(|| {
            Failure::new(
                Exit::Forbidden,
                format!("no credential for Azure: `{name}` is not set"),
            )
            .next(format!(
                "export {name}=…, or choose another with --credential"
            ))
        })
    }
}

/// Access to an endpoint as the chosen identity. The local Azure knows our own token.
pub(crate) fn access(
    endpoint: &str,
    local: bool,
    kind: Kind,
    variables: &Variables,
    environment: &LiveEnvironment,
) -> Result<Access, Failure> {
    let token = variables.get("TURQUOISE_TOKEN");
    match (kind, token) {
        (Kind::Auto | Kind::Token, Some(token)) => {
            return Ok(Access::new(endpoint, StaticToken::new(token)));
        }
        (Kind::Token, None) => drop(variables.needed("TURQUOISE_TOKEN")?),
        (Kind::Auto, None) if local => {
            return Ok(Access::new(endpoint, StaticToken::new(DEVELOPMENT_TOKEN)));
        }
        _ => {}
    }
    let cloud = Cloud::of(endpoint);
    let identities = identities(kind, variables, cloud)?;
    let signs_in = identities
        .iter()
        .any(|identity| !matches!(identity, Identity::Managed { .. } | Identity::Cli(_)));
    let authority = Authority {
        login: variables
            .get("AZURE_AUTHORITY_HOST")
            .unwrap_or_else(|| cloud.login().to_owned()),
        tenant: match signs_in {
            true => variables.needed("AZURE_TENANT_ID")?,
            false => String::new(),
        },
        resource: variables
            .get("TURQUOISE_AUDIENCE")
            .unwrap_or_else(|| endpoint.to_owned()),
    };
    let credential = Credential::new(environment.clone(), authority, identities);
    Ok(Access::new(endpoint, credential))
}

/// The chain: environment, workload identity, managed identity, az CLI.
fn identities(kind: Kind, variables: &Variables, cloud: Cloud) -> Result<Vec<Identity>, Failure> {
    let mut chain = Vec::new();
    let wanted = |one: Kind| kind == one || kind == Kind::Auto;
    let client_id = variables.get("AZURE_CLIENT_ID");
    if wanted(Kind::Environment) {
        chain.extend(from_environment(kind, variables)?);
    }
    if wanted(Kind::Workload) {
        match (variables.get("AZURE_FEDERATED_TOKEN_FILE"), &client_id) {
            (Some(file), Some(client_id)) => chain.push(Identity::Workload {
                client_id: client_id.clone(),
                file: PathBuf::from(file),
            }),
            _ if kind == Kind::Workload => {
                variables.needed("AZURE_CLIENT_ID")?;
                variables.needed("AZURE_FEDERATED_TOKEN_FILE")?;
            }
            _ => {}
        }
    }
    if wanted(Kind::Managed) {
        let host = variables.get("AZURE_POD_IDENTITY_AUTHORITY_HOST");
        chain.push(Identity::Managed {
            host: host.unwrap_or_else(|| "http://169.254.169.254".to_owned()),
            client_id,
        });
    }
    if wanted(Kind::Cli) {
        chain.push(Identity::Cli(az(cloud)));
    }
    Ok(chain)
}

fn from_environment(kind: Kind, variables: &Variables) -> Result<Option<Identity>, Failure> {
    let secret = variables.get("AZURE_CLIENT_SECRET");
    let path = variables.get("AZURE_CLIENT_CERTIFICATE_PATH");
    if secret.is_none() && path.is_none() {
        return match kind {
            Kind::Environment => variables.needed("AZURE_CLIENT_SECRET").map(|_| None),
            _ => Ok(None),
        };
    }
    let client_id = variables.needed("AZURE_CLIENT_ID")?;
    if let Some(secret) = secret {
        return Ok(Some(Identity::Secret { client_id, secret }));
    }
    let path = path.unwrap_or_default();
    let unusable = |error: &dyn std::error::Error| {
        Failure::new(Exit::Forbidden, format!("the certificate `{path}` cannot be used"))
            .because(error)
            .next("write certificate and RSA key into one PEM file: `openssl pkcs12 -in x.pfx -nodes -out x.pem`")
    };
    let pem = std::fs::read(&path).map_err(|error| unusable(&error))?;
    let certificate = Certificate::from_pem(&pem).map_err(|error| unusable(&error))?;
    Ok(Some(Identity::Certificate {
        client_id,
        certificate: Box::new(certificate),
    }))
}

/// `az account get-access-token`, as Azure's own libraries run it (azure-facts.md §7.2).
fn az(cloud: Cloud) -> TokenCommand {
    Rc::new(move || {
        async move {
            let resource = format!("{}/", cloud.endpoint());
            let arguments = [
                "account",
                "get-access-token",
                "--output",
                "json",
                "--resource",
            ];
            let ran = tokio::process::Command::new("az")
                .args(arguments)
                .arg(&resource)
                .stdin(std::process::Stdio::null())
                .kill_on_drop(true)
                .output();
            let ran = ran
                .await
                .map_err(|error| format!("`az` cannot be run: {error}"))?;
            if ran.status.success() {
                return Ok(ran.stdout);
            }
            let said = String::from_utf8_lossy(&ran.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty());
            Err(last.unwrap_or("it failed and said nothing").to_owned())
        }
        .boxed_local()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &'static [(&'static str, &'static str)]) -> Variables {
        Variables(Box::new(move |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }))
    }

    fn names(kind: Kind, set: &'static [(&'static str, &'static str)]) -> Vec<&'static str> {
        let chain = identities(kind, &variables(set), Cloud::Public).expect("it is complete");
        chain.iter().map(Identity::name).collect()
    }

    #[test]
    fn the_chain_has_the_order_of_azures_own_tools() {
        const SECRET: &[(&str, &str)] = &[("AZURE_CLIENT_ID", "a"), ("AZURE_CLIENT_SECRET", "s")];
        const FILE: &[(&str, &str)] = &[
            ("AZURE_CLIENT_ID", "a"),
            ("AZURE_FEDERATED_TOKEN_FILE", "f"),
        ];
        assert_eq!(
            names(Kind::Auto, SECRET),
            ["client secret", "managed identity", "az CLI"]
        );
        assert_eq!(
            names(Kind::Auto, FILE),
            ["workload identity", "managed identity", "az CLI"]
        );
        assert_eq!(names(Kind::Auto, &[]), ["managed identity", "az CLI"]);
        assert_eq!(names(Kind::Managed, SECRET), ["managed identity"]);
    }

    #[test]
    fn what_a_chosen_identity_lacks_is_named() {
        for (kind, missing) in [
            (Kind::Environment, "AZURE_CLIENT_SECRET"),
            (Kind::Workload, "AZURE_CLIENT_ID"),
        ] {
            let failure =
                identities(kind, &variables(&[]), Cloud::Public).expect_err("nothing is set");
            assert_eq!(failure.exit, Exit::Forbidden);
            assert!(failure.what.contains(missing), "{failure}");
        }
    }

    #[test]
    fn a_cloud_is_known_by_its_endpoint() {
        for cloud in [Cloud::Public, Cloud::Usgov, Cloud::China] {
            assert_eq!(Cloud::of(cloud.endpoint()), cloud);
        }
        assert_eq!(Cloud::of("https://localhost:8400"), Cloud::Public);
    }
}
