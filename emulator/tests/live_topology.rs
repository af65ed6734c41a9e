//! A whole system through real HTTP: network, two sides and a gateway with TLS put into Resource
//! Manager, then traffic through the gateway's sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use turquoise_emulator::CloudConfig;
use turquoise_emulator::control_plane::{ControlPlaneConfig, Profile};
use turquoise_emulator::drive::live::{Live, LiveOptions};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000001";
const HOST: &str = "app.contoso.com";
const GREEN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const BLUE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);

/// Minutes of cloud time pass in a second or two.
fn options() -> LiveOptions {
    LiveOptions {
        cloud: CloudConfig {
            seed: 3,
            control_plane: ControlPlaneConfig {
                profile: Profile::Nice,
                ..ControlPlaneConfig::default()
            },
            ..CloudConfig::default()
        },
        speed: 200.0,
        ..LiveOptions::default()
    }
}

fn id(path: &str) -> Value {
    json!({"id": format!("{SUBSCRIPTION}/resourceGroups/g/providers/{path}")})
}

fn network() -> Value {
    let subnet =
        |name: &str, prefix: &str| json!({"name": name, "properties": {"addressPrefix": prefix}});
    json!({"location": "westeurope", "properties": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [subnet("main", "10.0.0.0/24"), subnet("vms", "10.0.1.0/24"), subnet("appgw", "10.0.2.0/24")],
    }})
}

fn balancer(side: &str, address: Ipv4Addr) -> Value {
    let own = |child: &str| id(&format!("Microsoft.Network/loadBalancers/{side}/{child}"));
    json!({"location": "westeurope", "sku": {"name": "Standard"}, "properties": {
        "frontendIPConfigurations": [{"name": "fe", "properties": {
            "subnet": id("Microsoft.Network/virtualNetworks/vnet/subnets/main"),
            "privateIPAddress": address, "privateIPAllocationMethod": "Static"}}],
        "backendAddressPools": [{"name": "be"}],
        "probes": [{"name": "hp", "properties": {
            "protocol": "Http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 1}}],
        "loadBalancingRules": [{"name": "http", "properties": {
            "frontendIPConfiguration": own("frontendIPConfigurations/fe"),
            "backendAddressPool": own("backendAddressPools/be"), "probe": own("probes/hp"),
            "protocol": "Tcp", "frontendPort": 80, "backendPort": 80}}],
    }})
}

fn scale_set(side: &str) -> Value {
    json!({"location": "westeurope", "sku": {"name": "Standard_D2s_v5", "capacity": 2}, "properties": {
        "orchestrationMode": "Uniform", "overprovision": false, "upgradePolicy": {"mode": "Manual"},
        "virtualMachineProfile": {
            "osProfile": {"computerNamePrefix": side, "adminUsername": "ops", "adminPassword": "s3cret!Pass"},
            "storageProfile": {"imageReference": {"publisher": "shop", "offer": side, "sku": "web", "version": "1.0.0"}},
            "networkProfile": {"networkInterfaceConfigurations": [{"name": "nic", "properties": {"primary": true,
                "ipConfigurations": [{"name": "ip", "properties": {
                    "subnet": id("Microsoft.Network/virtualNetworks/vnet/subnets/vms"),
                    "loadBalancerBackendAddressPools": [id(&format!("Microsoft.Network/loadBalancers/{side}/backendAddressPools/be"))]}}]}}]}}}})
}

fn gateway(members: &[Ipv4Addr], pfx: &str) -> Value {
    let own = |child: &str| id(&format!("Microsoft.Network/applicationGateways/gw/{child}"));
    let members: Vec<_> = members.iter().map(|m| json!({"ipAddress": m})).collect();
    let rule = |name: &str, priority: u32, listener: &str| {
        json!({"name": name, "properties": {"ruleType": "Basic", "priority": priority,
            "httpListener": own(&format!("httpListeners/{listener}")),
            "backendAddressPool": own("backendAddressPools/pool01"),
            "backendHttpSettings": own("backendHttpSettingsCollection/s1")}})
    };
    json!({"location": "westeurope", "properties": {
        "sku": {"name": "Standard_v2", "tier": "Standard_v2", "capacity": 2},
        "gatewayIPConfigurations": [{"name": "gwip", "properties": {"subnet": id("Microsoft.Network/virtualNetworks/vnet/subnets/appgw")}}],
        "frontendIPConfigurations": [{"name": "fe", "properties": {"publicIPAddress": id("Microsoft.Network/publicIPAddresses/pip")}}],
        "frontendPorts": [{"name": "p80", "properties": {"port": 80}}, {"name": "p443", "properties": {"port": 443}}],
        "sslCertificates": [{"name": "cert", "properties": {"data": pfx, "password": "secret"}}],
        "backendAddressPools": [{"name": "pool01", "properties": {"backendAddresses": members}}],
        "backendHttpSettingsCollection": [{"name": "s1", "properties": {"port": 80, "protocol": "Http",
            "cookieBasedAffinity": "Disabled", "requestTimeout": 3600,
            "connectionDraining": {"enabled": true, "drainTimeoutInSec": 60}, "probe": own("probes/hp")}}],
        "httpListeners": [
            {"name": "plain", "properties": {"frontendIPConfiguration": own("frontendIPConfigurations/fe"),
                "frontendPort": own("frontendPorts/p80"), "protocol": "Http"}},
            {"name": "secure", "properties": {"frontendIPConfiguration": own("frontendIPConfigurations/fe"),
                "frontendPort": own("frontendPorts/p443"), "protocol": "Https", "sslCertificate": own("sslCertificates/cert")}}],
        "requestRoutingRules": [rule("r1", 100, "plain"), rule("r2", 200, "secure")],
        "probes": [{"name": "hp", "properties": {"protocol": "Http", "host": HOST, "path": "/health",
            "interval": 5, "timeout": 60, "unhealthyThreshold": 3}}],
    }})
}

/// A self-signed certificate, and the same with its key as a PFX in base64.
fn certificate() -> (CertificateDer<'static>, String) {
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).expect("one name");
    let key = PrivateKey::from_der(&made.signing_key.serialize_der()).expect("PKCS#8");
    let leaf = Certificate::from_der(made.cert.der()).expect("X.509");
    let mut store = KeyStore::new();
    let chain = KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("1", key, [leaf]));
    store.add_entry("leaf", chain);
    let writer = store.writer("secret").encryption_iterations(100);
    let pfx = writer
        .mac_iterations(100)
        .write()
        .expect("a chain can be written");
    (made.cert.der().clone(), STANDARD.encode(pfx))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, hyper::Error> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (head, body) = sender
        .send_request(request.map(Full::new))
        .await?
        .into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    let value = answer
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// A client of Resource Manager and of the gateway.
struct Client {
    live: Live,
}

impl Client {
    async fn arm(&self, method: &str, path: &str, body: &str) -> (StatusCode, Value, String) {
        let url = self.live.arm_url();
        let authority = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&authority).await.expect("it listens");
        let request = Request::builder()
            .method(method)
            .uri(path.trim_start_matches(&url))
            .header("host", &authority)
            .header("authorization", "Bearer t")
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .expect("a valid request");
        let answer = exchange(stream, request).await.expect("an answer");
        let poll = header(&answer, "azure-asyncoperation").to_owned();
        let value = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status(), value, poll)
    }

    /// A PUT followed to its end.
    async fn put(&self, path: &str, body: &Value) {
        let full = format!("{SUBSCRIPTION}/resourceGroups/g{path}?api-version=2024-07-01");
        let (status, answer, poll) = self.arm("PUT", &full, &body.to_string()).await;
        assert!(status.is_success(), "{path}: {answer}");
        if poll.is_empty() {
            return;
        }
        let done = async || {
            let (_, document, _) = self.arm("GET", &poll, "").await;
            assert_ne!(document["status"], "Failed", "{document}");
            document["status"] == "Succeeded"
        };
        until(done).await;
    }

    async fn resource(&self, path: &str, body: Value) {
        self.put(&format!("/providers/{path}"), &body).await;
    }

    fn frontend(&self, port: u16) -> Option<SocketAddr> {
        let addresses = self.live.addresses();
        let public = addresses
            .iter()
            .find(|row| row.port == port && row.address.octets()[0] != 10);
        public.map(|row| row.listens)
    }

    /// The build that answers through the plain listener; the status when none does.
    async fn build(&self) -> Result<String, StatusCode> {
        let socket = self.frontend(80).ok_or(StatusCode::NOT_FOUND)?;
        let stream = TcpStream::connect(socket).await.expect("it listens");
        let answer = exchange(stream, get("/")).await.expect("an answer");
        match answer.status() {
            StatusCode::OK => Ok(header(&answer, "x-build-id").to_owned()),
            status => Err(status),
        }
    }
}

fn get(path: &str) -> Request<Bytes> {
    let request = Request::get(path).header("host", HOST);
    request.body(Bytes::new()).expect("a valid request")
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _try in 0..1_000 {
        if holds().await {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "polled as a client of HTTP must")]
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the condition did not come true in 20 s");
}

async fn over_tls(socket: SocketAddr, root: CertificateDer<'static>) -> Response<Bytes> {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(socket).await.expect("it listens");
    let name = ServerName::try_from(HOST).expect("a host name");
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    exchange(stream.expect("the certificate is trusted"), get("/"))
        .await
        .expect("an answer")
}

#[tokio::test]
async fn a_system_put_through_resource_manager_serves_and_swaps() {
    let live = Live::start(options()).await.expect("free ports are there");
    let client = Client { live };
    let (root, pfx) = certificate();
    client.put("", &json!({"location": "westeurope"})).await;
    client
        .resource("Microsoft.Network/virtualNetworks/vnet", network())
        .await;
    let address = json!({"location": "westeurope", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}});
    client
        .resource("Microsoft.Network/publicIPAddresses/pip", address)
        .await;
    for (side, address) in [("green", GREEN), ("blue", BLUE)] {
        client
            .resource(
                &format!("Microsoft.Network/loadBalancers/{side}"),
                balancer(side, address),
            )
            .await;
        client
            .resource(
                &format!("Microsoft.Compute/virtualMachineScaleSets/{side}"),
                scale_set(side),
            )
            .await;
    }
    client
        .resource(
            "Microsoft.Network/applicationGateways/gw",
            gateway(&[GREEN], &pfx),
        )
        .await;
    until(async || {
        client
            .build()
            .await
            .is_ok_and(|build| build.contains("green"))
    })
    .await;

    let secure = client.frontend(443).expect("the TLS listener is there");
    let answer = over_tls(secure, root).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(header(&answer, "x-instance").starts_with("green_"));

    client
        .resource(
            "Microsoft.Network/applicationGateways/gw",
            gateway(&[BLUE], &pfx),
        )
        .await;
    until(async || {
        client
            .build()
            .await
            .is_ok_and(|build| build.contains("blue"))
    })
    .await;
    client.live.shutdown().await;
}
