//! The flow of the Azure CLI: the system of three groups, by az's own commands wherever one writes
//! the resource itself, by `az rest` where az would send a template; then templates.

/// What a command must do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// End well.
    Done,
    /// End well and print this.
    Says(&'static str),
    /// Fail, naming this code.
    Refused(&'static str),
}

use Expected::{Done, Refused, Says};

/// One command; `name` is that of the same step in the other clients' flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Words divided by blanks. `{rest:group/body}` is a PUT's address and body.
    pub(crate) command: &'static str,
    pub(crate) expected: Expected,
}

const fn step(name: &'static str, command: &'static str, expected: Expected) -> Step {
    Step {
        name,
        command,
        expected,
    }
}

/// Makes the three groups, looks at them, swaps, changes what an operator changes.
pub(crate) const BUILD: &[Step] = &[
    step(
        "group: create",
        "group create -n frontend-rg -l westeurope --tags system=bluegreen",
        Done,
    ),
    step(
        "group: create",
        "group create -n green-rg -l westeurope --tags system=bluegreen",
        Done,
    ),
    step(
        "group: create",
        "group create -n blue-rg -l westeurope --tags system=bluegreen",
        Done,
    ),
    step("group: exists", "group exists -n frontend-rg", Says("true")),
    step(
        "group: list by tag",
        "group list --tag system=bluegreen --query [].name -o tsv",
        Says("green-rg"),
    ),
    step(
        "virtual network: create",
        "network vnet create -g frontend-rg -n bgvnet --address-prefix 10.0.0.0/16 --subnet-name main --subnet-prefix 10.0.0.0/24",
        Done,
    ),
    step(
        "subnet: create",
        "network vnet subnet create -g frontend-rg --vnet-name bgvnet -n sides --address-prefix 10.0.1.0/24",
        Done,
    ),
    step(
        "subnet: create",
        "network vnet subnet create -g frontend-rg --vnet-name bgvnet -n appgw --address-prefix 10.0.2.0/24",
        Done,
    ),
    step(
        "subnet: list",
        "network vnet subnet list -g frontend-rg --vnet-name bgvnet --query [].name -o tsv",
        Says("sides"),
    ),
    step(
        "public IP: create",
        "network public-ip create -g frontend-rg -n pip --sku Standard --allocation-method Static --query publicIp.ipAddress",
        Says("20.0.0."),
    ),
    step(
        "load balancer: create",
        "{rest:green-rg/load_balancer}",
        Done,
    ),
    step("scale set: create", "{rest:green-rg/scale_set}", Done),
    step(
        "load balancer: create",
        "{rest:blue-rg/load_balancer}",
        Done,
    ),
    step("scale set: create", "{rest:blue-rg/scale_set}", Done),
    step("gateway: create", "{rest:frontend-rg/gateway}", Done),
    step(
        "scale set: wait",
        "vmss wait -g green-rg -n web --created",
        Done,
    ),
    step(
        "scale set: wait",
        "vmss wait -g blue-rg -n web --created",
        Done,
    ),
    step(
        "gateway: wait",
        "network application-gateway wait -g frontend-rg -n agw --created",
        Done,
    ),
    step(
        "load balancer: list",
        "network lb list -g green-rg --query [].name -o tsv",
        Says("lb"),
    ),
    step(
        "load balancer: list pools",
        "network lb address-pool list -g green-rg --lb-name lb --query [].name -o tsv",
        Says("be"),
    ),
    step(
        "load balancer: list rules",
        "network lb rule list -g green-rg --lb-name lb --query [].name -o tsv",
        Says("http"),
    ),
    step(
        "load balancer: list probes",
        "network lb probe list -g green-rg --lb-name lb --query [].name -o tsv",
        Says("hp"),
    ),
    step(
        "scale set: list",
        "vmss list -g green-rg --query [].name -o tsv",
        Says("web"),
    ),
    step(
        "scale set: show",
        "vmss show -g green-rg -n web --query sku.capacity",
        Says("2"),
    ),
    step(
        "scale set: list instances",
        "vmss list-instances -g green-rg -n web --query [].name -o tsv",
        Says("web_1"),
    ),
    step(
        "scale set: instance view",
        "vmss get-instance-view -g green-rg -n web --query virtualMachine.statusesSummary[].code",
        Says("ProvisioningState/succeeded"),
    ),
    step(
        "scale set: instance's view",
        "vmss get-instance-view -g green-rg -n web --instance-id 0 --query statuses[].code",
        Says("PowerState/running"),
    ),
    step(
        "scale set: list interfaces",
        "vmss nic list -g green-rg --vmss-name web --query [].name -o tsv",
        Says("nic"),
    ),
    step(
        "gateway: show",
        "network application-gateway show -g frontend-rg -n agw --query operationalState",
        Says("Running"),
    ),
    step(
        "gateway: backend health",
        "network application-gateway show-backend-health -g frontend-rg -n agw --query backendAddressPools[].backendHttpSettingsCollection[].servers[].address",
        Says("10.0.0.10"),
    ),
    step(
        "resources: list",
        "resource list -g frontend-rg --query [].name -o tsv",
        Says("agw"),
    ),
    step(
        "resources: show",
        "resource show -g frontend-rg -n agw --resource-type Microsoft.Network/applicationGateways --query name",
        Says("agw"),
    ),
    step(
        "usages: compute",
        "vm list-usage -l westeurope --query [?name.value=='cores'].currentValue -o tsv",
        Says("8"),
    ),
    step(
        "usages: network",
        "network list-usages -l westeurope -o tsv",
        Says("ApplicationGateways"),
    ),
    step(
        "sizes: list",
        "vm list-sizes -l westeurope --query [].name -o tsv",
        Says("Standard_D2s_v5"),
    ),
    step(
        "SKUs: list",
        "vm list-skus -l westeurope --query [].name -o tsv",
        Says("Standard_D2s_v5"),
    ),
    step(
        "locations: list",
        "account list-locations --query [].name -o tsv",
        Says("westeurope"),
    ),
    step(
        "provider: show",
        "provider show -n Microsoft.Network --query registrationState",
        Says("Registered"),
    ),
    step(
        "provider: register",
        "provider register -n Microsoft.Network",
        Done,
    ),
    step(
        "gateway: swap, both sides",
        "network application-gateway address-pool update -g frontend-rg --gateway-name agw -n pool01 --servers 10.0.0.10 10.0.0.11",
        Done,
    ),
    step(
        "gateway: swap, new side",
        "network application-gateway address-pool update -g frontend-rg --gateway-name agw -n pool01 --servers 10.0.0.11",
        Done,
    ),
    step(
        "gateway: show pool",
        "network application-gateway address-pool show -g frontend-rg --gateway-name agw -n pool01 --query backendAddresses[].ipAddress -o tsv",
        Says("10.0.0.11"),
    ),
    step(
        "load balancer: add pool",
        "network lb address-pool create -g green-rg --lb-name lb -n extra",
        Done,
    ),
    step(
        "load balancer: delete pool",
        "network lb address-pool delete -g green-rg --lb-name lb -n extra",
        Done,
    ),
    step(
        "scale set: scale",
        "vmss scale -g blue-rg -n web --new-capacity 3",
        Done,
    ),
    step(
        "scale set: restart",
        "vmss restart -g blue-rg -n web --instance-ids 0",
        Done,
    ),
    step(
        "scale set: reimage",
        "vmss reimage -g blue-rg -n web --instance-ids 0",
        Done,
    ),
    step(
        "scale set: stop",
        "vmss stop -g blue-rg -n web --instance-ids 0",
        Done,
    ),
    step(
        "scale set: deallocate",
        "vmss deallocate -g blue-rg -n web --instance-ids 0",
        Done,
    ),
    step("scale set: start", "vmss start -g blue-rg -n web", Done),
    step(
        "scale set: upgrade",
        "vmss update-instances -g blue-rg -n web --instance-ids *",
        Done,
    ),
    step(
        "scale set: delete instances",
        "vmss delete-instances -g blue-rg -n web --instance-ids 2",
        Done,
    ),
    step(
        "autoscale: create",
        "monitor autoscale create -g blue-rg --resource web --resource-type Microsoft.Compute/virtualMachineScaleSets --name as --min-count 2 --max-count 5 --count 2",
        Done,
    ),
    step(
        "autoscale: list",
        "monitor autoscale list -g blue-rg --query [].name -o tsv",
        Says("as"),
    ),
    step(
        "tags: set on a gateway",
        "network application-gateway update -g frontend-rg -n agw --set tags.live=blue",
        Done,
    ),
    step(
        "tags: merge",
        "tag update --resource-id {subscription}/resourceGroups/frontend-rg --operation merge --tags live=blue",
        Says("blue"),
    ),
    step(
        "tags: list",
        "tag list --query [].tagName -o tsv",
        Says("live"),
    ),
    step(
        "lock: create",
        "lock create -g frontend-rg -n keep --lock-type CanNotDelete",
        Done,
    ),
    step(
        "lock: list",
        "lock list -g frontend-rg --query [].name -o tsv",
        Says("keep"),
    ),
    step(
        "refused: locked",
        "network public-ip delete -g frontend-rg -n pip",
        Refused("ScopeLocked"),
    ),
    step("lock: delete", "lock delete -g frontend-rg -n keep", Done),
    step(
        "refused: unknown resource",
        "network vnet show -g frontend-rg -n nope",
        Refused("ResourceNotFound"),
    ),
    step(
        "refused: unknown group",
        "vmss show -g nope -n web",
        Refused("ResourceGroupNotFound"),
    ),
    step(
        "refused: subnet in use",
        "network vnet subnet delete -g frontend-rg --vnet-name bgvnet -n appgw",
        Refused("InUseSubnetCannotBeDeleted"),
    ),
    step(
        "refused: group elsewhere",
        "group create -n frontend-rg -l eastus",
        Refused("InvalidResourceGroupLocation"),
    ),
];

/// Takes it all away again.
pub(crate) const REMOVE: &[Step] = &[
    step(
        "autoscale: delete",
        "monitor autoscale delete -g blue-rg -n as",
        Done,
    ),
    step(
        "gateway: delete",
        "network application-gateway delete -g frontend-rg -n agw",
        Done,
    ),
    step("scale set: delete", "vmss delete -g green-rg -n web", Done),
    step(
        "load balancer: delete",
        "network lb delete -g green-rg -n lb",
        Done,
    ),
    step("group: delete", "group delete -n green-rg --yes", Done),
    step("group: delete", "group delete -n blue-rg --yes", Done),
    step("group: delete", "group delete -n frontend-rg --yes", Done),
    step("group: list", "group list", Says("[]")),
];

/// Templates: one of ours, and those that az sends behind the user's back. Leaves nothing.
pub(crate) const TEMPLATES: &[Step] = &[
    step(
        "group: create",
        "group create -n template-rg -l westeurope",
        Done,
    ),
    step(
        "deployment: validate",
        "deployment group validate -g template-rg -n first --template-file {bodies}/template.json --parameters name=ways --query properties.provisioningState",
        Says("Succeeded"),
    ),
    step(
        "deployment: what-if",
        "deployment group what-if -g template-rg -n first --template-file {bodies}/template.json --parameters name=ways --no-pretty-print --query changes[].changeType -o tsv",
        Says("Create"),
    ),
    step(
        "deployment: create",
        "deployment group create -g template-rg -n first --template-file {bodies}/template.json --parameters name=ways --query properties.outputs.table.value",
        Says("out"),
    ),
    step(
        "deployment: what-if",
        "deployment group what-if -g template-rg -n first --template-file {bodies}/template.json --parameters name=ways --no-pretty-print --query changes[].changeType -o tsv",
        Says("NoChange"),
    ),
    step(
        "deployment: what-if as people read it",
        "deployment group what-if -g template-rg -n first --template-file {bodies}/template.json --parameters name=ways",
        Says("= Microsoft.Network/routeTables/ways"),
    ),
    step(
        "deployment: show",
        "deployment group show -g template-rg -n first --query properties.provisioningState",
        Says("Succeeded"),
    ),
    step(
        "deployment: list",
        "deployment group list -g template-rg --query [].name -o tsv",
        Says("first"),
    ),
    step(
        "deployment: list operations",
        "deployment operation group list -g template-rg -n first --query [].properties.targetResource.resourceName -o tsv",
        Says("templated"),
    ),
    step(
        "refused: cancel what has ended",
        "deployment group cancel -g template-rg -n first",
        Refused("DeploymentCannotBeCancelled"),
    ),
    step(
        "load balancer: create by az's template",
        "network lb create -g template-rg -n lb --sku Standard --vnet-name templated --subnet machines --backend-pool-name be",
        Done,
    ),
    step(
        "gateway: create by az's template",
        "network application-gateway create -g template-rg -n gw --sku Standard_v2 --vnet-name templated --subnet gateway --public-ip-address gwpip --priority 100 --servers 10.8.0.9",
        Done,
    ),
    step(
        "scale set: create by az's template",
        "vmss create -g template-rg -n web --image Canonical:ubuntu-24_04-lts:server:latest --orchestration-mode Uniform --instance-count 1 --vm-sku Standard_D2s_v5 --vnet-name templated --subnet machines --lb lb --backend-pool-name be --upgrade-policy-mode Manual --admin-username ops --admin-password S3cret!S3cret! --authentication-type password",
        Done,
    ),
    step(
        "deployment: delete",
        "deployment group delete -g template-rg -n first",
        Done,
    ),
    step("group: delete", "group delete -n template-rg --yes", Done),
];
