"""The system of three groups through the Azure SDK for Python, unmodified.

    sdk.py build     makes it, swaps, and leaves it standing
    sdk.py remove    takes it away again

Reads where the cloud is from the variables that `turquoise env` prints. Each step is named like the
same step of the az flow; the table in emulator/CLIENTS.md is made from these names.
"""

import json
import os
import pathlib
import sys

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

endpoint = os.environ["AZURE_AUTHORITY_HOST"]
subscription = os.environ["AZURE_SUBSCRIPTION_ID"]
credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_CLIENT_SECRET"],
    authority=endpoint,
    disable_instance_discovery=True,
)
options = {"base_url": endpoint, "credential_scopes": [endpoint + "/.default"]}
resources = ResourceManagementClient(credential, subscription, **options)
network = NetworkManagementClient(credential, subscription, **options)
compute = ComputeManagementClient(credential, subscription, **options)
monitor = MonitorManagementClient(credential, subscription, **options)

LOCATION = "westeurope"
FRONTEND, SIDES = "frontend-rg", {"green-rg": "10.0.0.10", "blue-rg": "10.0.0.11"}


def path(group):
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers"


def body(name, group, address=""):
    text = (pathlib.Path(__file__).parent / "bodies" / name).read_text()
    gateway = path(FRONTEND) + "/Microsoft.Network/applicationGateways/agw"
    for mark, value in {
        "{frontend}": path(FRONTEND),
        "{side}": path(group),
        "{gateway}": gateway,
        "{address}": address,
    }.items():
        text = text.replace(mark, value)
    return json.loads(text)


def step(name, act, check=lambda result: True):
    result = act()
    if hasattr(result, "result") and hasattr(result, "done"):
        result = result.result()
    if not check(result):
        raise AssertionError(f"{name}: unexpected {result!r}")
    print("ok", name, flush=True)
    return result


def refused(name, code, act):
    try:
        result = act()
        if hasattr(result, "result"):
            result.result()
    except HttpResponseError as error:
        if error.error is None or error.error.code != code:
            raise AssertionError(f"{name}: {error!r} is not `{code}`") from error
        print("ok", name, flush=True)
        return
    raise AssertionError(f"{name}: not refused")


def servers(*addresses):
    def edit():
        gateway = network.application_gateways.get(FRONTEND, "agw")
        pool = gateway.backend_address_pools[0]
        pool.backend_addresses = [{"ipAddress": address} for address in addresses]
        return network.application_gateways.begin_create_or_update(FRONTEND, "agw", gateway)

    return edit


def named(*names):
    return lambda items: sorted(item.name for item in items) == sorted(names)


def build():
    for group in [FRONTEND, *SIDES]:
        step("group: create", lambda: resources.resource_groups.create_or_update(
            group, {"location": LOCATION, "tags": {"system": "bluegreen"}}))
    step("group: exists", lambda: resources.resource_groups.check_existence(FRONTEND), bool)
    step("virtual network: create", lambda: network.virtual_networks.begin_create_or_update(
        FRONTEND, "bgvnet", {"location": LOCATION, "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "main", "properties": {"addressPrefix": "10.0.0.0/24"}}]}}))
    for name, prefix in {"sides": "10.0.1.0/24", "appgw": "10.0.2.0/24"}.items():
        step("subnet: create", lambda: network.subnets.begin_create_or_update(
            FRONTEND, "bgvnet", name, {"properties": {"addressPrefix": prefix}}))
    step("subnet: list", lambda: list(network.subnets.list(FRONTEND, "bgvnet")),
         named("appgw", "main", "sides"))
    step("public IP: create", lambda: network.public_ip_addresses.begin_create_or_update(
        FRONTEND, "pip", {"location": LOCATION, "sku": {"name": "Standard"},
                          "properties": {"publicIPAllocationMethod": "Static"}}),
        lambda made: made.ip_address)
    for group, address in SIDES.items():
        step("load balancer: create", lambda: network.load_balancers.begin_create_or_update(
            group, "lb", body("load_balancer.json", group, address)))
        step("scale set: create", lambda: compute.virtual_machine_scale_sets.begin_create_or_update(
            group, "web", body("scale_set.json", group)))
    step("gateway: create", lambda: network.application_gateways.begin_create_or_update(
        FRONTEND, "agw", body("gateway.json", FRONTEND)),
        lambda made: made.operational_state == "Running")
    look()
    change()


def look():
    step("load balancer: list", lambda: list(network.load_balancers.list("green-rg")), named("lb"))
    step("load balancer: list pools", lambda: list(
        network.load_balancer_backend_address_pools.list("green-rg", "lb")), named("be"))
    step("load balancer: list rules", lambda: list(
        network.load_balancer_load_balancing_rules.list("green-rg", "lb")), named("http"))
    step("load balancer: list probes", lambda: list(
        network.load_balancer_probes.list("green-rg", "lb")), named("hp"))
    step("scale set: list", lambda: list(
        compute.virtual_machine_scale_sets.list("green-rg")), named("web"))
    step("scale set: show", lambda: compute.virtual_machine_scale_sets.get("green-rg", "web"),
         lambda found: found.sku.capacity == 2)
    step("scale set: list instances", lambda: list(
        compute.virtual_machine_scale_set_vms.list("green-rg", "web")), named("web_0", "web_1"))
    step("scale set: instance view", lambda: compute.virtual_machine_scale_sets.get_instance_view(
        "green-rg", "web"), lambda view: view.virtual_machine.statuses_summary)
    step("scale set: instance's view", lambda: compute.virtual_machine_scale_set_vms.get_instance_view(
        "green-rg", "web", "0"),
        lambda view: "PowerState/running" in [status.code for status in view.statuses])
    step("gateway: show", lambda: network.application_gateways.get(FRONTEND, "agw"),
         lambda found: found.etag and found.backend_address_pools[0].name == "pool01")
    step("gateway: backend health", lambda: network.application_gateways.begin_backend_health(
        FRONTEND, "agw"), lambda health: health.backend_address_pools)
    step("resources: list", lambda: list(resources.resources.list_by_resource_group(FRONTEND)),
         named("agw", "bgvnet", "pip"))
    step("usages: compute", lambda: list(compute.usage.list(LOCATION)),
         lambda rows: any(row.name.value == "cores" and row.current_value == 8 for row in rows))
    step("usages: network", lambda: list(network.usages.list(LOCATION)), bool)
    step("sizes: list", lambda: list(compute.virtual_machine_sizes.list(LOCATION)), bool)
    step("SKUs: list", lambda: list(compute.resource_skus.list(
        filter=f"location eq '{LOCATION}'")), bool)
    step("provider: show", lambda: resources.providers.get("Microsoft.Network"),
         lambda found: found.registration_state == "Registered")


def change():
    step("gateway: swap, both sides", servers("10.0.0.10", "10.0.0.11"))
    step("gateway: swap, new side", servers("10.0.0.11"))
    step("scale set: scale", lambda: compute.virtual_machine_scale_sets.begin_update(
        "blue-rg", "web", {"sku": {"name": "Standard_D2s_v5", "tier": "Standard", "capacity": 3}}),
        lambda changed: changed.sku.capacity == 3)
    sets = compute.virtual_machine_scale_sets
    instances = {"instanceIds": ["0"]}
    step("scale set: restart", lambda: sets.begin_restart("blue-rg", "web", instances))
    step("scale set: reimage", lambda: sets.begin_reimage("blue-rg", "web", instances))
    step("scale set: stop", lambda: sets.begin_power_off("blue-rg", "web", instances))
    step("scale set: deallocate", lambda: sets.begin_deallocate("blue-rg", "web", instances))
    step("scale set: start", lambda: sets.begin_start("blue-rg", "web"))
    step("scale set: upgrade", lambda: sets.begin_update_instances(
        "blue-rg", "web", {"instanceIds": ["*"]}))
    step("scale set: delete instances", lambda: sets.begin_delete_instances(
        "blue-rg", "web", {"instanceIds": ["2"]}))
    capacity = {"minimum": "2", "maximum": "5", "default": "2"}
    target = path("blue-rg") + "/Microsoft.Compute/virtualMachineScaleSets/web"
    step("autoscale: create", lambda: monitor.autoscale_settings.create_or_update(
        "blue-rg", "as", {"location": LOCATION, "properties": {
            "enabled": True, "targetResourceUri": target,
            "profiles": [{"name": "default", "capacity": capacity, "rules": []}]}}))
    step("autoscale: list", lambda: list(
        monitor.autoscale_settings.list_by_resource_group("blue-rg")), named("as"))
    step("tags: set on a gateway", lambda: network.application_gateways.update_tags(
        FRONTEND, "agw", {"tags": {"live": "blue"}}), lambda made: made.tags == {"live": "blue"})
    step("tags: merge", lambda: resources.tags.begin_update_at_scope(
        path(FRONTEND).removesuffix("/providers"),
        {"operation": "Merge", "properties": {"tags": {"live": "blue"}}}),
        lambda made: made.properties.tags["live"] == "blue")
    refused("refused: unknown resource", "ResourceNotFound",
            lambda: network.virtual_networks.get(FRONTEND, "nope"))
    refused("refused: unknown group", "ResourceGroupNotFound",
            lambda: network.virtual_networks.get("nope", "nope"))
    refused("refused: subnet in use", "InUseSubnetCannotBeDeleted",
            lambda: network.subnets.begin_delete(FRONTEND, "bgvnet", "appgw"))
    refused("refused: group elsewhere", "InvalidResourceGroupLocation",
            lambda: resources.resource_groups.create_or_update(FRONTEND, {"location": "eastus"}))
    refused("refused: stale etag", "PreconditionFailed",
            lambda: network.application_gateways.begin_create_or_update(
                FRONTEND, "agw", body("gateway.json", FRONTEND), headers={"If-Match": "W/\"0\""}))


def remove():
    step("autoscale: delete", lambda: monitor.autoscale_settings.delete("blue-rg", "as"))
    step("gateway: delete", lambda: network.application_gateways.begin_delete(FRONTEND, "agw"))
    step("scale set: delete", lambda: compute.virtual_machine_scale_sets.begin_delete(
        "green-rg", "web"))
    step("load balancer: delete", lambda: network.load_balancers.begin_delete("green-rg", "lb"))
    for group in ["green-rg", "blue-rg", FRONTEND]:
        step("group: delete", lambda: resources.resource_groups.begin_delete(group))
    try:
        network.virtual_networks.get(FRONTEND, "bgvnet")
    except ResourceNotFoundError:
        step("group: list", lambda: list(resources.resource_groups.list()), named())
        return
    raise AssertionError("the network outlived its group")


if __name__ == "__main__":
    {"build": build, "remove": remove}[sys.argv[1]]()
