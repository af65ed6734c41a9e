// The system of three groups through the Azure SDK for JavaScript, unmodified.
//
//     node sdk.mjs build MODULES     makes it, swaps, and leaves it standing
//     node sdk.mjs remove MODULES    takes it away again
//
// MODULES is the folder in which npm installed the packages. Where the cloud is stands in the
// variables that `turquoise env` prints. Steps are named like those of the other flows.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [phase, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { ClientSecretCredential } = require("@azure/identity");
const { ComputeManagementClient } = require("@azure/arm-compute");
const { NetworkManagementClient } = require("@azure/arm-network");
const { ResourceManagementClient } = require("@azure/arm-resources");

const { env } = process;
const endpoint = env.AZURE_AUTHORITY_HOST;
const subscription = env.AZURE_SUBSCRIPTION_ID;
const credential = new ClientSecretCredential(
  env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET,
  { authorityHost: endpoint, disableInstanceDiscovery: true });
const options = { endpoint, credentialScopes: [`${endpoint}/.default`] };
const resources = new ResourceManagementClient(credential, subscription, options);
const network = new NetworkManagementClient(credential, subscription, options);
const compute = new ComputeManagementClient(credential, subscription, options);

const location = "westeurope";
const frontend = "frontend-rg";
const sides = { "green-rg": "10.0.0.10", "blue-rg": "10.0.0.11" };
const group = (name) => `/subscriptions/${subscription}/resourceGroups/${name}`;
const agw = `${group(frontend)}/providers/Microsoft.Network/applicationGateways/agw`;

// The bodies are those of the wire; this SDK wants the members of `properties` beside the name.
const flat = (value) => {
  if (Array.isArray(value)) return value.map(flat);
  if (value === null || typeof value !== "object") return value;
  const { properties, ...rest } = value;
  const own = value.type === "ApplicationHealthLinux" ? value : { ...rest, ...properties };
  return Object.fromEntries(Object.entries(own).map(([name, member]) => [name, flat(member)]));
};

const body = (name, owner, address = "") => {
  const text = readFileSync(new URL(`bodies/${name}.json`, import.meta.url), "utf8")
    .replaceAll("{frontend}", `${group(frontend)}/providers`)
    .replaceAll("{side}", `${group(owner)}/providers`)
    .replaceAll("{gateway}", agw)
    .replaceAll("{address}", address);
  return flat(JSON.parse(text));
};

async function step(name, act, check = () => true) {
  const result = await act();
  if (!check(result)) throw new Error(`${name}: unexpected ${JSON.stringify(result)}`);
  console.log("ok", name);
  return result;
}

async function refused(name, code, act) {
  try {
    await act();
  } catch (error) {
    if (error.code !== code) throw new Error(`${name}: ${error} is not \`${code}\``);
    console.log("ok", name);
    return;
  }
  throw new Error(`${name}: not refused`);
}

// A long operation of this SDK, to its end.
const done = (operations, name, ...rest) =>
  operations[`begin${name[0].toUpperCase()}${name.slice(1)}AndWait`](...rest);

async function all(pages) {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
}

const named = (...names) => (items) =>
  items.map((item) => item.name).sort().join() === names.sort().join();

async function servers(...addresses) {
  const gateway = await network.applicationGateways.get(frontend, "agw");
  gateway.backendAddressPools[0].backendAddresses = addresses.map((ipAddress) => ({ ipAddress }));
  return done(network.applicationGateways, "createOrUpdate", frontend, "agw", gateway);
}

async function build() {
  for (const name of [frontend, ...Object.keys(sides)]) {
    await step("group: create", () => resources.resourceGroups.createOrUpdate(
      name, { location, tags: { system: "bluegreen" } }));
  }
  await step("group: exists", () => resources.resourceGroups.checkExistence(frontend));
  await step("virtual network: create", () => done(network.virtualNetworks, "createOrUpdate", frontend, "bgvnet", {
    location, addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
    subnets: [{ name: "main", addressPrefix: "10.0.0.0/24" }] }));
  for (const [name, addressPrefix] of [["sides", "10.0.1.0/24"], ["appgw", "10.0.2.0/24"]]) {
    await step("subnet: create", () => done(network.subnets, "createOrUpdate", frontend, "bgvnet", name, { addressPrefix }));
  }
  await step("subnet: list", () => all(network.subnets.list(frontend, "bgvnet")),
    named("appgw", "main", "sides"));
  await step("public IP: create", () => done(network.publicIPAddresses, "createOrUpdate", frontend, "pip", {
    location, sku: { name: "Standard" }, publicIPAllocationMethod: "Static" }),
    (made) => made.ipAddress);
  for (const [name, address] of Object.entries(sides)) {
    await step("load balancer: create", () => done(network.loadBalancers, "createOrUpdate", name, "lb", body("load_balancer", name, address)));
    await step("scale set: create", () => done(compute.virtualMachineScaleSets, "createOrUpdate", name, "web", body("scale_set", name)));
  }
  await step("gateway: create", () => done(network.applicationGateways, "createOrUpdate", frontend, "agw", body("gateway", frontend)), (made) => made.operationalState === "Running");
  await step("load balancer: list", () => all(network.loadBalancers.list("green-rg")), named("lb"));
  await step("scale set: list", () => all(compute.virtualMachineScaleSets.list("green-rg")), named("web"));
  await step("scale set: show", () => compute.virtualMachineScaleSets.get("green-rg", "web"),
    (found) => found.sku.capacity === 2);
  await step("scale set: list instances", () => all(
    compute.virtualMachineScaleSetVMs.list("green-rg", "web")), named("web_0", "web_1"));
  await step("gateway: show", () => network.applicationGateways.get(frontend, "agw"),
    (found) => found.backendAddressPools[0].name === "pool01");
  await step("resources: list", () => all(resources.resources.listByResourceGroup(frontend)),
    named("agw", "bgvnet", "pip"));
  await step("autoscale: create", () => resources.resources.beginCreateOrUpdateByIdAndWait(
    `${group("blue-rg")}/providers/Microsoft.Insights/autoscalesettings/as`, "2022-10-01", {
      location, properties: {
        enabled: true,
        targetResourceUri: `${group("blue-rg")}/providers/Microsoft.Compute/virtualMachineScaleSets/web`,
        profiles: [{ name: "default", capacity: { minimum: "2", maximum: "5", default: "2" }, rules: [] }] } }));
  await step("gateway: swap, both sides", () => servers("10.0.0.10", "10.0.0.11"));
  await step("gateway: swap, new side", () => servers("10.0.0.11"));
  await step("scale set: restart", () => done(compute.virtualMachineScaleSets, "restart", "blue-rg", "web"));
  await step("tags: set on a gateway", () => network.applicationGateways.updateTags(
    frontend, "agw", { tags: { live: "blue" } }), (made) => made.tags.live === "blue");
  await refused("refused: unknown resource", "ResourceNotFound",
    () => network.virtualNetworks.get(frontend, "nope"));
  await refused("refused: unknown group", "ResourceGroupNotFound",
    () => network.virtualNetworks.get("nope", "nope"));
  await refused("refused: subnet in use", "InUseSubnetCannotBeDeleted",
    () => done(network.subnets, "delete", frontend, "bgvnet", "appgw"));
}

async function remove() {
  await step("gateway: delete", () => done(network.applicationGateways, "delete", frontend, "agw"));
  await step("scale set: delete", () => done(compute.virtualMachineScaleSets, "delete", "green-rg", "web"));
  await step("load balancer: delete", () => done(network.loadBalancers, "delete", "green-rg", "lb"));
  for (const name of ["green-rg", "blue-rg", frontend]) {
    await step("group: delete", () => resources.resourceGroups.beginDeleteAndWait(name));
  }
  await step("group: list", () => all(resources.resourceGroups.list()), named());
}

await { build, remove }[phase]();
