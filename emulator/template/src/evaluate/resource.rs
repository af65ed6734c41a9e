//! Functions about the scope and about resources.

use serde_json::{Value, json};

use super::{Evaluator, Place, Target};
use crate::fault::Fault;
use crate::functions::Arguments;

impl Evaluator<'_> {
    pub(super) fn looking_around(
        &self,
        key: &str,
        arguments: &Arguments<'_>,
    ) -> Option<Result<Value, Fault>> {
        let fact = |value: Option<&Value>| {
            arguments.exactly(0)?;
            value
                .cloned()
                .ok_or_else(|| arguments.refuse("the deployment has no such scope"))
        };
        Some(match key {
            "copyindex" => self.copy_index(arguments),
            "utcnow" | "newguid" => self.changing(key, arguments),
            "subscription" => fact(Some(&self.facts.subscription)),
            "resourcegroup" => fact(self.facts.resource_group.as_ref()),
            "deployment" => fact(Some(&self.facts.deployment)),
            "environment" => fact(Some(&self.facts.environment)),
            "tenant" => fact(Some(&self.facts.tenant)),
            "deployer" => fact(Some(
                &json!({"objectId": "", "tenantId": self.facts.tenant["tenantId"], "userPrincipalName": ""}),
            )),
            "resourceid" => self.resource_id(arguments),
            "subscriptionresourceid" => self.subscription_resource_id(arguments),
            "tenantresourceid" => id(arguments, "", arguments.all()),
            "extensionresourceid" => extension_id(arguments),
            "managementgroupresourceid" => management_id(arguments),
            "reference" => self.reference(arguments),
            "references" => self.references(arguments),
            "resourceinfo" => self.resource_info(arguments),
            "providers" => self.providers(arguments),
            "pickzones" => pick_zones(arguments),
            "tologicalzone" => one_zone(arguments, logical),
            "tologicalzones" => zones(arguments, logical),
            "tophysicalzone" => one_zone(arguments, physical),
            "tophysicalzones" => zones(arguments, physical),
            "managementgroup" => fact(None),
            list if list.starts_with("list") => self.list(list, arguments),
            _ => return None,
        })
    }

    /// `resourceId([subscription], [group], type, name…)`.
    fn resource_id(&self, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        let all = arguments.all();
        let at = type_at(arguments, 2)?;
        let texts: Result<Vec<&str>, Fault> = (0..at).map(|index| arguments.text(index)).collect();
        let own = self.facts.subscription_id();
        let scope = match texts?.as_slice() {
            [] => self.facts.scope.clone(),
            [group] if self.facts.resource_group.is_some() => {
                format!("/subscriptions/{own}/resourceGroups/{group}")
            }
            [subscription] => format!("/subscriptions/{subscription}"),
            [subscription, group, ..] => {
                format!("/subscriptions/{subscription}/resourceGroups/{group}")
            }
        };
        id(arguments, &scope, &all[at..])
    }

    fn subscription_resource_id(&self, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        let at = type_at(arguments, 1)?;
        let subscription = if at == 1 {
            arguments.text(0)?
        } else {
            self.facts.subscription_id()
        };
        id(
            arguments,
            &format!("/subscriptions/{subscription}"),
            &arguments.all()[at..],
        )
    }

    /// `reference(name or id, [version], ['Full'])`.
    fn reference(&self, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        arguments.between(1, 3)?;
        self.at_runtime("reference")?;
        let full = match arguments.get(2) {
            None => false,
            Some(_) => arguments.text(2)?.eq_ignore_ascii_case("full"),
        };
        let target = self.target(arguments.text(0)?)?;
        let version = match arguments.get(1).and_then(Value::as_str) {
            Some(given) if !given.is_empty() => Some(given),
            _ => Some(target.api_version.as_str()).filter(|version| !version.is_empty()),
        };
        self.runtime.reference(&target.id, version, full)
    }

    /// `references(loop, ['Full'])`: every resource of a loop.
    fn references(&self, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        arguments.between(1, 2)?;
        self.at_runtime("references")?;
        let full = arguments.get(1).is_some();
        let name = arguments.text(0)?;
        let targets = self
            .names
            .targets(name)
            .ok_or_else(|| not_a_resource(name))?;
        let one = |target: Target| {
            self.runtime
                .reference(&target.id, Some(&target.api_version), full)
        };
        targets.into_iter().map(one).collect()
    }

    fn resource_info(&self, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        arguments.exactly(1)?;
        let target = self.target(arguments.text(0)?)?;
        Ok(json!({
            "id": target.id,
            "name": target.name,
            "type": target.resource_type,
            "apiVersion": target.api_version,
        }))
    }

    /// What a name or an id means.
    fn target(&self, name: &str) -> Result<Target, Fault> {
        if let Some(found) = self
            .names
            .targets(name)
            .and_then(|targets| targets.into_iter().next())
        {
            return Ok(found);
        }
        if name.starts_with('/') {
            return Ok(Target {
                id: name.to_owned(),
                resource_type: String::new(),
                name: String::new(),
                api_version: String::new(),
            });
        }
        Err(not_a_resource(name))
    }

    fn at_runtime(&self, name: &str) -> Result<(), Fault> {
        if self.place == Place::Body {
            return Ok(());
        }
        Err(Fault::Language(format!(
            "The template function '{name}' is not expected at this location. Please see \
             https://aka.ms/arm-template-expressions for usage details."
        )))
    }

    fn list(&self, action: &str, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        arguments.between(2, 3)?;
        self.at_runtime(action)?;
        let target = self.target(arguments.text(0)?)?;
        self.runtime
            .list(action, &target.id, arguments.text(1)?, arguments.get(2))
    }

    fn providers(&self, arguments: &Arguments<'_>) -> Result<Value, Fault> {
        arguments.between(1, 2)?;
        let resource_type = match arguments.get(1) {
            None => "",
            Some(_) => arguments.text(1)?,
        };
        self.runtime.provider(arguments.text(0)?, resource_type)
    }
}

fn not_a_resource(name: &str) -> Fault {
    Fault::Language(format!(
        "The template reference '{name}' is not valid: could not find template resource or resource \
         copy with this name. Please see https://aka.ms/arm-function-reference for usage details."
    ))
}

/// Where the type stands among the arguments; at most `most` come before it.
fn type_at(arguments: &Arguments<'_>, most: usize) -> Result<usize, Fault> {
    arguments.between(2, usize::MAX)?;
    let is_type = |value: &Value| value.as_str().is_some_and(|text| text.contains('/'));
    let at = arguments.all().iter().position(is_type);
    at.filter(|at| *at <= most).ok_or_else(|| {
        arguments.refuse(
            "the arguments are expected to hold a resource type such as \
             'Microsoft.Network/virtualNetworks' before the resource names",
        )
    })
}

/// `{scope}/providers/{type}/{name}…` from a type and as many names as it has parts.
fn id(arguments: &Arguments<'_>, scope: &str, rest: &[Value]) -> Result<Value, Fault> {
    let texts: Option<Vec<&str>> = rest.iter().map(Value::as_str).collect();
    let texts =
        texts.ok_or_else(|| arguments.refuse("the arguments are expected to be strings"))?;
    let Some((resource_type, names)) = texts.split_first() else {
        return Err(arguments.refuse("the resource type is missing"));
    };
    // Quickstart templates write `Microsoft.Network/virtualNetworks/`; Azure takes it.
    let resource_type = resource_type.trim_end_matches('/');
    let parts: Vec<&str> = names.iter().flat_map(|name| name.split('/')).collect();
    let wanted = resource_type.split('/').count() - 1;
    if parts.len() != wanted {
        return Err(arguments.refuse(format!(
            "the type '{resource_type}' requires '{wanted}' resource name argument(s)"
        )));
    }
    Ok(join_id(scope, resource_type, &parts).into())
}

/// The id of a resource: its type's parts and its names in turn.
pub(crate) fn join_id(scope: &str, resource_type: &str, names: &[&str]) -> String {
    // A group is no extension of its subscription.
    if resource_type.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups") {
        return format!("{scope}/resourceGroups/{}", names.join("/"));
    }
    let mut types = resource_type.split('/');
    let namespace = types.next().unwrap_or_default();
    let mut text = format!("{scope}/providers/{namespace}");
    for (part, name) in types.zip(names) {
        text.push('/');
        text.push_str(part);
        text.push('/');
        text.push_str(name);
    }
    text
}

fn extension_id(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(3, usize::MAX)?;
    id(arguments, arguments.text(0)?, &arguments.all()[1..])
}

fn management_id(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(3, usize::MAX)?;
    let scope = format!(
        "/providers/Microsoft.Management/managementGroups/{}",
        arguments.text(0)?
    );
    id(arguments, &scope, &arguments.all()[1..])
}

/// `toLogicalZone(subscription, location, zone)` and its like.
fn one_zone(
    arguments: &Arguments<'_>,
    shown: fn(&str, &str) -> Option<String>,
) -> Result<Value, Fault> {
    arguments.exactly(3)?;
    zone(arguments, shown, arguments.text(2)?)
}

fn zones(
    arguments: &Arguments<'_>,
    shown: fn(&str, &str) -> Option<String>,
) -> Result<Value, Fault> {
    arguments.exactly(3)?;
    let one = |given: &Value| zone(arguments, shown, given.as_str().unwrap_or_default());
    arguments.array(2)?.iter().map(one).collect()
}

fn zone(
    arguments: &Arguments<'_>,
    shown: fn(&str, &str) -> Option<String>,
    given: &str,
) -> Result<Value, Fault> {
    arguments.text(0)?;
    let location = arguments.text(1)?.replace(' ', "").to_lowercase();
    let found = shown(&location, given).map(Value::from);
    found.ok_or_else(|| arguments.refuse(format!("'{given}' is no zone of '{location}'")))
}

/// `westeurope-az1` is zone `1`: the zones of every subscription are in the same order here.
fn logical(location: &str, zone: &str) -> Option<String> {
    let number = zone.strip_prefix(location)?.strip_prefix("-az")?;
    ["1", "2", "3"].contains(&number).then(|| number.to_owned())
}

fn physical(location: &str, zone: &str) -> Option<String> {
    ["1", "2", "3"]
        .contains(&zone)
        .then(|| format!("{location}-az{zone}"))
}

/// Every emulated region has three zones.
fn pick_zones(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(3, 5)?;
    let count = match arguments.get(3) {
        None => 1,
        Some(_) => arguments.size(3)?,
    };
    let offset = match arguments.get(4) {
        None => 0,
        Some(_) => arguments.size(4)?,
    };
    Ok((1..=3)
        .skip(offset)
        .take(count)
        .map(|zone: u8| Value::from(zone.to_string()))
        .collect())
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn ids_are_those_of_the_reference() {
        check(&[
            (
                "resourceId('Microsoft.Storage/storageAccounts', 'examplestorage')",
                r#""/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/examplestorage""#,
            ),
            (
                "resourceId('otherGroup', 'Microsoft.Storage/storageAccounts', 'x')",
                r#""/subscriptions/s/resourceGroups/otherGroup/providers/Microsoft.Storage/storageAccounts/x""#,
            ),
            (
                "resourceId('1111', 'otherGroup', 'Microsoft.SQL/servers/databases', 'serverName', 'databaseName')",
                r#""/subscriptions/1111/resourceGroups/otherGroup/providers/Microsoft.SQL/servers/serverName/databases/databaseName""#,
            ),
            (
                "resourceId('Microsoft.Network/virtualNetworks/subnets', 'v/s')",
                r#""/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/s""#,
            ),
            (
                "resourceId('Microsoft.Network/virtualNetworks/', 'v')",
                r#""/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v""#,
            ),
            (
                "subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'r')",
                r#""/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/r""#,
            ),
            (
                "subscriptionResourceId('Microsoft.Resources/resourceGroups', 'g')",
                r#""/subscriptions/s/resourceGroups/g""#,
            ),
            (
                "tenantResourceId('Microsoft.A/b', 'c')",
                r#""/providers/Microsoft.A/b/c""#,
            ),
            (
                "extensionResourceId(resourceId('Microsoft.A/b', 'c'), 'Microsoft.Authorization/locks', 'l')",
                r#""/subscriptions/s/resourceGroups/rg/providers/Microsoft.A/b/c/providers/Microsoft.Authorization/locks/l""#,
            ),
            ("resourceGroup().location", r#""westeurope""#),
            ("subscription().subscriptionId", r#""s""#),
            (
                "pickZones('Microsoft.Compute', 'virtualMachines', 'westus2')",
                r#"["1"]"#,
            ),
            ("toPhysicalZone('s', 'westus2', '1')", r#""westus2-az1""#),
            (
                "toPhysicalZones('s', 'West US 2', createArray('1', '3'))",
                r#"["westus2-az1", "westus2-az3"]"#,
            ),
            ("toLogicalZone('s', 'westus2', 'westus2-az2')", r#""2""#),
            (
                "toLogicalZones('s', 'westus2', createArray('westus2-az3'))",
                r#"["3"]"#,
            ),
        ]);
        check_refused(&[
            (
                "resourceId('Microsoft.Network/virtualNetworks/subnets', 'v')",
                "Unable to evaluate template language function 'resourceId': the type 'Microsoft.Network/virtualNetworks/subnets' requires '2' resource name argument(s).",
            ),
            (
                "reference('nobody')",
                "The template reference 'nobody' is not valid: could not find template resource or resource copy with this name. Please see https://aka.ms/arm-function-reference for usage details.",
            ),
            (
                "reference('/subscriptions/s')",
                "The template function 'reference' has no value before the deployment.",
            ),
            (
                "toPhysicalZone('s', 'westus2', '4')",
                "Unable to evaluate template language function 'toPhysicalZone': '4' is no zone of 'westus2'.",
            ),
            (
                "nonsense(1)",
                "The template function 'nonsense' is not valid. Please see https://aka.ms/arm-template-expressions for usage details.",
            ),
            (
                "copyIndex()",
                "The template function 'copyIndex' is not expected at this location. The function can only be used in a resource with copy specified.",
            ),
        ]);
    }
}
