//! Which resource points at which: every `{"id": "/subscriptions/…"}` in a model.
//!
//! One index answers three questions: does what a write points at exist, what still uses a
//! resource that is to go (azure-facts.md §2.8), and who is to be shown as a back-reference.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;
use turquoise_arm::ResourceId;

/// One pointer from a model to a resource or a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The resource whose model holds it.
    pub(crate) owner: ResourceId,
    /// The nearest named child of the owner that holds it, else the owner: what error texts and
    /// back-references name, such as `…/networkInterfaces/nic1/ipConfigurations/primary`.
    pub(crate) from: ResourceId,
    /// The member that holds it, such as `subnet`.
    pub(crate) member: String,
    /// What it points at.
    pub(crate) to: ResourceId,
}

/// Every reference of a model, in document order; ids that are not ids come back as the error.
///
/// # Errors
/// The first text that stands where an id belongs and is none.
pub(crate) fn collect(owner: &ResourceId, model: &Value) -> Result<Vec<Reference>, String> {
    let mut found = Vec::new();
    walk(owner, owner, "", model, &mut found)?;
    Ok(found)
}

/// What may stand beside the `id` of a pointer: a machine's interface has `properties`, its disk a
/// `storageAccountType`. Anything else makes it a document.
const BESIDE_ID: [&str; 3] = ["id", "properties", "storageAccountType"];

fn walk(
    owner: &ResourceId,
    from: &ResourceId,
    member: &str,
    value: &Value,
    found: &mut Vec<Reference>,
) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(id)) = members.get("id")
                && members.keys().all(|key| BESIDE_ID.contains(&key.as_str()))
            {
                let to = ResourceId::parse(id).map_err(|_| id.clone())?;
                found.push(Reference {
                    owner: owner.clone(),
                    from: from.clone(),
                    member: member.to_owned(),
                    to,
                });
                return Ok(());
            }
            for (name, inner) in members {
                let step = if name == "properties" { member } else { name };
                walk(owner, from, step, inner, found)?;
            }
            Ok(())
        }
        Value::Array(items) => {
            items
                .iter()
                .try_for_each(|item| match item.get("name").and_then(Value::as_str) {
                    Some(name) => walk(owner, &from.child(member, name), member, item, found),
                    None => walk(owner, from, member, item, found),
                })
        }
        _ => Ok(()),
    }
}

/// All references of all models, by target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    by_target: BTreeMap<String, Vec<Reference>>,
}

impl Index {
    /// Takes `references` in.
    pub(crate) fn add(&mut self, references: &[Reference]) {
        for reference in references {
            let slot = self.by_target.entry(reference.to.key().to_owned());
            slot.or_default().push(reference.clone());
        }
    }

    /// Forgets `references` of `owner`.
    pub(crate) fn remove(&mut self, owner: &ResourceId, references: &[Reference]) {
        for reference in references {
            if let Some(list) = self.by_target.get_mut(reference.to.key()) {
                list.retain(|held| held.owner != *owner);
                if list.is_empty() {
                    self.by_target.remove(reference.to.key());
                }
            }
        }
    }

    /// Who points exactly at `target`.
    pub(crate) fn to(&self, target: &ResourceId) -> &[Reference] {
        self.by_target.get(target.key()).map_or(&[], Vec::as_slice)
    }

    /// Who points at `target` or at anything below it.
    pub(crate) fn within<'a>(
        &'a self,
        target: &'a ResourceId,
    ) -> impl Iterator<Item = &'a Reference> + 'a {
        let from = Bound::Included(target.key().to_owned());
        self.by_target
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(target.key()))
            .flat_map(|(_, references)| references)
            .filter(|reference| reference.to.is_within(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).expect("the literal is an id")
    }

    #[test]
    fn references_name_the_child_that_holds_them() {
        let nic = id("/subscriptions/s/resourceGroups/g/providers/N/networkInterfaces/nic");
        let subnet = "/subscriptions/s/resourceGroups/g/providers/N/virtualNetworks/v/subnets/a";
        let model = json!({"properties": {"ipConfigurations": [
            {"name": "primary", "properties": {"subnet": {"id": subnet}}}]}});
        let found = collect(&nic, &model).expect("the reference is an id");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].from, nic.child("ipConfigurations", "primary"));
        assert_eq!(found[0].member, "subnet");

        let mut index = Index::default();
        index.add(&found);
        let network = id("/subscriptions/s/resourceGroups/g/providers/N/virtualNetworks/v");
        let sibling =
            id("/subscriptions/s/resourceGroups/g/providers/N/virtualNetworks/v/subnets/aa");
        assert_eq!(index.within(&network).count(), 1);
        assert_eq!(index.to(&id(subnet)).len(), 1);
        assert_eq!(index.within(&sibling).count(), 0);
        index.remove(&nic, &found);
        assert_eq!(index.within(&network).count(), 0);
    }

    #[test]
    fn a_text_that_is_no_id_is_refused() {
        let nic = id("/subscriptions/s/resourceGroups/g/providers/N/networkInterfaces/nic");
        let refused = collect(&nic, &json!({"properties": {"subnet": {"id": "main"}}}));
        assert_eq!(refused, Err("main".to_owned()));
    }
}
