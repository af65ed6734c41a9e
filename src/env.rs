//! `turquoise env`: what a shell, or a program in some language, needs to speak to a local Azure.

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{Local, LocalArgs};
use crate::output::Output;

/// Prints how other programs reach the local Azure.
///
/// For a shell that is a list of variables that az, the Azure SDKs, Terraform and curl read; for a
/// language the first lines of a program. The client secret is in it: it opens nothing but the
/// local Azure.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  eval \"$(turquoise env)\"\n  turquoise env --shell python > azure_here.py\n  turquoise env --shell curl | sh\n  turquoise env --output json"
)]
pub(crate) struct Args {
    /// For whom.
    #[arg(long, value_enum, default_value_t)]
    shell: Shell,
    #[command(flatten)]
    local: LocalArgs,
}

/// Who is to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// Variables for sh, bash and zsh.
    #[default]
    Sh,
    /// A Python program with azure-identity.
    Python,
    /// A Node program with @azure/identity.
    Node,
    /// A shell script that asks with curl.
    Curl,
}

/// Prints it.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let local = args.local.local()?;
    let text = match args.shell {
        Shell::Sh => for_sh(&local),
        Shell::Python => for_python(&local),
        Shell::Node => for_node(&local),
        Shell::Curl => for_curl(&local),
    };
    output.text(text.trim_end());
    let members = variables(&local).into_iter();
    let members: Map<String, Value> = members
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    output.document(&Value::Object(members));
    Ok(Exit::Completed)
}

/// The variables that clients read, each with its readers.
pub(crate) fn variables(local: &Local) -> Vec<(&'static str, String)> {
    let ca = local.ca_file.display().to_string();
    let host = local.endpoint.trim_start_matches("https://").to_owned();
    let mut all = client_variables(local);
    all.extend([
        // Terraform.
        ("ARM_CLIENT_ID", local.client_id.to_owned()),
        ("ARM_CLIENT_SECRET", local.client_secret.clone()),
        ("ARM_METADATA_HOSTNAME", host),
        ("ARM_SUBSCRIPTION_ID", local.subscription.to_owned()),
        ("ARM_TENANT_ID", local.tenant.to_owned()),
        // Go and Rust; curl; Node.
        ("SSL_CERT_FILE", ca.clone()),
        ("CURL_CA_BUNDLE", ca.clone()),
        ("NODE_EXTRA_CA_CERTS", ca.clone()),
        // Managed identity, as on a machine and as in an App Service.
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", local.endpoint.clone()),
        // This tool.
        ("TURQUOISE_ENDPOINT", local.endpoint.clone()),
        ("TURQUOISE_CA_FILE", ca),
    ]);
    all
}

/// Those that az and the SDKs read and no other program minds.
pub(crate) fn client_variables(local: &Local) -> Vec<(&'static str, String)> {
    vec![
        ("AZURE_CONFIG_DIR", local.az_folder.display().to_string()),
        ("AZURE_CORE_INSTANCE_DISCOVERY", "false".to_owned()),
        ("AZURE_CORE_COLLECT_TELEMETRY", "false".to_owned()),
        ("AZURE_AUTHORITY_HOST", local.endpoint.clone()),
        ("AZURE_TENANT_ID", local.tenant.to_owned()),
        ("AZURE_CLIENT_ID", local.client_id.to_owned()),
        ("AZURE_CLIENT_SECRET", local.client_secret.clone()),
        ("AZURE_SUBSCRIPTION_ID", local.subscription.to_owned()),
        ("REQUESTS_CA_BUNDLE", local.ca_file.display().to_string()),
    ]
}

fn for_sh(local: &Local) -> String {
    let lines = variables(local).into_iter();
    let lines = lines.map(|(name, value)| format!("export {name}={}\n", quoted(&value)));
    lines.collect()
}

fn for_curl(local: &Local) -> String {
    let Local {
        endpoint,
        subscription,
        tenant,
        client_id,
        client_secret,
        ..
    } = local;
    let ca = quoted(&local.ca_file.display().to_string());
    format!(
        "token=$(curl --silent --fail --cacert {ca} \\\n  \
         --data grant_type=client_credentials --data client_id={client_id} \\\n  \
         --data client_secret={client_secret} --data scope={endpoint}/.default \\\n  \
         {endpoint}/{tenant}/oauth2/v2.0/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
         curl --silent --fail-with-body --cacert {ca} --header \"authorization: Bearer $token\" \\\n  \
         \"{endpoint}/subscriptions/{subscription}/resourcegroups?api-version=2024-11-01\"\n"
    )
}

fn for_python(local: &Local) -> String {
    let ca = literal(&local.ca_file.display().to_string());
    format!(
        "import os\n\
         os.environ[\"REQUESTS_CA_BUNDLE\"] = {ca}\n\
         from azure.identity import ClientSecretCredential\n\
         endpoint = \"{endpoint}\"\n\
         subscription = \"{subscription}\"\n\
         credential = ClientSecretCredential(\n    \
         \"{tenant}\", \"{client_id}\", \"{secret}\",\n    \
         authority=endpoint, disable_instance_discovery=True)\n\
         options = {{\"base_url\": endpoint, \"credential_scopes\": [endpoint + \"/.default\"]}}\n\
         # NetworkManagementClient(credential, subscription, **options)\n",
        endpoint = local.endpoint,
        subscription = local.subscription,
        tenant = local.tenant,
        client_id = local.client_id,
        secret = local.client_secret,
    )
}

fn for_node(local: &Local) -> String {
    format!(
        "// node reads the authority before it starts: NODE_EXTRA_CA_CERTS={ca} node …\n\
         const {{ ClientSecretCredential }} = require(\"@azure/identity\");\n\
         const endpoint = \"{endpoint}\";\n\
         const subscription = \"{subscription}\";\n\
         const credential = new ClientSecretCredential(\n  \
         \"{tenant}\", \"{client_id}\", \"{secret}\",\n  \
         {{ authorityHost: endpoint, disableInstanceDiscovery: true }});\n\
         const options = {{ endpoint, credentialScopes: [`${{endpoint}}/.default`] }};\n\
         // new NetworkManagementClient(credential, subscription, options)\n",
        ca = quoted(&local.ca_file.display().to_string()),
        endpoint = local.endpoint,
        subscription = local.subscription,
        tenant = local.tenant,
        client_id = local.client_id,
        secret = local.client_secret,
    )
}

/// A word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A string of Python or JavaScript.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_the_shell_may_hold_anything() {
        assert_eq!(quoted("/home/o'neil/ca.pem"), r"'/home/o'\''neil/ca.pem'");
    }
}
