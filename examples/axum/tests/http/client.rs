//! The service on a free port, and just enough of an HTTP client to say exactly what goes over the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use billing_guard::{AccountId, Ledger, MemoryLedger, Renderer, Unit, wait};
use hmac::{Hmac, KeyInit, Mac};
use metered_query::auth::{ApiKeys, Caller, Role};
use metered_query::conversation::{Conversation, Pages, in_full};
use metered_query::table::Table;
use metered_query::webhook::WebhookSecret;
use metered_query::{App, guard, house, router};
use serde_json::{Value, json};
use sha2::Sha256;

/// The keys of two customers, as they are sent.
pub(crate) const ANA: (&str, &str) = ("Authorization", "Bearer key-of-ana");
/// That of an app that Ana made.
pub(crate) const APP: (&str, &str) = ("Authorization", "Bearer key-of-anas-app");
pub(crate) const BEN: (&str, &str) = ("Authorization", "Bearer key-of-ben");
pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");
pub(crate) const SECRET: &str = "whsec-test";

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) served: Arc<Mutex<Vec<Served>>>,
    // Dropping it ends the thread that serves.
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// What the service answered, and when.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) status: u16,
    /// In seconds.
    pub(crate) retry_after: Option<u64>,
}

pub(crate) struct Setup {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) renderer: Renderer,
    pub(crate) page_delay: Duration,
    pub(crate) pages: Option<Pages>,
    /// What all courtesies together may cost.
    pub(crate) courtesies: &'static str,
    /// More routes, for what the service itself does not do.
    pub(crate) more: Router<App>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            ledger: Arc::new(MemoryLedger::new()),
            renderer: Renderer::default(),
            page_delay: Duration::from_millis(1),
            pages: None,
            courtesies: "0",
            more: Router::new(),
        }
    }
}

impl Setup {
    pub(crate) fn start(self) -> Service {
        let caller = |account, role| Caller { account: AccountId::new(account).unwrap(), role };
        let renderer = if self.pages.is_some() { in_full(self.renderer) } else { self.renderer };
        let guard = guard(self.ledger, renderer).unwrap();
        if usd(self.courtesies) > 0 {
            let amount = guard.unit().amount(self.courtesies).unwrap();
            wait(guard.top_up(&house().unwrap(), "courtesies".parse().unwrap(), amount)).unwrap();
        }
        let app = App {
            keys: ApiKeys::new([
                ("key-of-ana", caller("acct_a", Role::Owner)),
                ("key-of-anas-app", caller("acct_a", Role::App)),
                ("key-of-ben", caller("acct_b", Role::Owner)),
            ]),
            secret: WebhookSecret::new(SECRET),
            table: Arc::new(Table::generate()),
            conversation: Arc::new(Conversation::new(&guard, self.pages).unwrap()),
            page_delay: self.page_delay,
            guard,
        };
        let served = Arc::<Mutex<Vec<Served>>>::default();
        let log = Arc::clone(&served);
        let router = router(app.clone()).merge(self.more.with_state(app)).layer(from_fn(
            move |request: Request, next: Next| {
                let (log, path) = (Arc::clone(&log), request.uri().path().to_owned());
                async move {
                    let answer = next.run(request).await;
                    let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok());
                    let retry_after = wait.map(|wait| wait.parse().unwrap());
                    let status = answer.status().as_u16();
                    log.lock().unwrap().push(Served { at: Instant::now(), path, status, retry_after });
                    answer
                }
            },
        ));
        let (say_address, address) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
                say_address.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Service { address: address.recv().unwrap(), served, _stop: stop }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// What `name` is called in the flat envelope.
    #[track_caller]
    pub(crate) fn name(&self) -> String {
        self.json()["name"].as_str().unwrap().to_owned()
    }
}

/// Opens a connection, sends the head and this much of a body, and leaves it at that.
pub(crate) fn begin(
    address: SocketAddr,
    target: &str,
    headers: &[(&str, &str)],
    declared: usize,
    body: &[u8],
) -> TcpStream {
    let mut head = format!("{target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {declared}\r\n\r\n");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // A server that has seen enough may close before it read all of it.
    let _ = stream.write_all(body);
    stream
}

/// The answer, or `None` if the connection was closed without one.
pub(crate) fn finish(mut stream: TcpStream) -> Option<Answer> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let split = all.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8(all[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head, body: all[split + 4..].to_vec() })
}

impl Service {
    #[track_caller]
    pub(crate) fn send(&self, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        finish(begin(self.address, target, headers, body.len(), body)).expect("an answer")
    }

    #[track_caller]
    pub(crate) fn query(&self, customer: (&str, &str), key: &str, sql: &str, max_rows: u32) -> Answer {
        let body = json!({"sql": sql, "max_rows": max_rows}).to_string();
        self.send("POST /query", &[customer, JSON, ("Idempotency-Key", key)], body)
    }

    /// Sends a webhook signed now.
    #[track_caller]
    pub(crate) fn webhook(&self, body: &str) -> Answer {
        let signature = sign(SECRET, now(), body);
        self.send("POST /top-up", &[("Webhook-Signature", &signature)], body)
    }

    /// Pays into `acct_a`.
    #[track_caller]
    pub(crate) fn pay(&self, amount: &str) {
        let answer = self.webhook(&payment(&format!("evt_{amount}"), "acct_a", amount));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// `[posted, held, available]`, in millionths.
    #[track_caller]
    pub(crate) fn balance(&self, customer: (&str, &str)) -> [i64; 3] {
        let answer = self.send("GET /balance", &[customer], "").json();
        ["posted", "held", "available"].map(|name| usd(answer[name].as_str().unwrap()))
    }

    /// What is posted once nothing is held any more.
    #[track_caller]
    pub(crate) fn settled(&self, customer: (&str, &str)) -> i64 {
        for _ in 0..500 {
            let [posted, held, _] = self.balance(customer);
            if held == 0 {
                return posted;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("still held: {:?}", self.balance(customer));
    }
}

/// Dollars in millionths.
#[track_caller]
pub(crate) fn usd(text: &str) -> i64 {
    Unit::new("USD", 6).unwrap().amount(text).unwrap().minor()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What the provider puts into `Webhook-Signature`.
pub(crate) fn sign(secret: &str, time: u64, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let signature = mac.chain_update(format!("{time}.{body}")).finalize().into_bytes();
    format!("t={time},v1={}", hex::encode(signature))
}

pub(crate) fn payment(id: &str, account: &str, amount: &str) -> String {
    json!({"id": id, "type": "payment.succeeded", "account": account, "amount": amount, "unit": "USD"})
        .to_string()
}
