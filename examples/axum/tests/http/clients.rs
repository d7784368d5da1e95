//! Published clients against the service: the SDKs of the OpenAI API for Python and Node, in the versions that
//! `tests/clients` pins. `scripts/test` installs them into `target/clients` and runs these tests, which are ignored without.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing_guard::{
    AccountId, HoldRequest, IdempotencyKey, Ledger, ManualClock, MemoryLedger, MemorySettings, Renderer,
    Shape, Unit, VoidRequest, wait,
};

use metered_query::conversation::Pages;

use crate::client::{Served, Service, Setup};

/// A service whose only balance is in use by work that runs elsewhere.
struct Held {
    name: String,
    status: u16,
    service: Service,
    ledger: Arc<MemoryLedger>,
    work: (AccountId, IdempotencyKey),
}

impl Held {
    fn start(name: &str, status: u16, renderer: Renderer) -> Self {
        // Time stands still for the ledger: the work goes on until this test says otherwise.
        let clock = Arc::new(ManualClock::new());
        let ledger = Arc::new(MemoryLedger::with_clock(MemorySettings::new(), clock));
        let service = Setup { ledger: ledger.clone(), renderer, ..Setup::default() }.start();
        service.pay("0.05");
        let work: (_, IdempotencyKey) = (AccountId::new("acct_a").unwrap(), "elsewhere".parse().unwrap());
        let all = Unit::new("USD", 6).unwrap().amount("0.05").unwrap();
        let hold = HoldRequest::new(work.0.clone(), work.1.clone(), all)
            .with_lifetime(Duration::from_millis(500))
            .with_grace(Duration::ZERO);
        wait(ledger.hold(hold)).unwrap();
        Self { name: format!("held-{name}"), status, service, ledger, work }
    }

    /// Ends that work once a client was told to wait for it.
    fn free_after_a_refusal(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while asked(&self.service).is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let (account, key) = self.work.clone();
        wait(self.ledger.void(VoidRequest::new(account, key))).unwrap();
    }
}

fn asked(service: &Service) -> Vec<Served> {
    let served = service.served.lock().unwrap();
    served.iter().filter(|served| served.path == "/v1/chat/completions").cloned().collect()
}

/// Lets a client ask a service of each shape with an empty account, one that says more, and three whose balance is in use.
fn is_understood_by(program: &str, script: &str) {
    let empty = Shape::ALL.iter().map(|shape| {
        (shape.to_string(), Setup { renderer: Renderer::new(*shape), ..Setup::default() }.start())
    });
    let told = Setup {
        renderer: Renderer::new(Shape::OpenAi),
        pages: Some(Pages::under("https://billing.example").unwrap()),
        ..Setup::default()
    };
    let empty: Vec<_> = empty.chain([("told".to_owned(), told.start())]).collect();
    let held = [
        Held::start("flat-with-error", 402, Renderer::new(Shape::FlatWithError)),
        Held::start("open-ai", 402, Renderer::new(Shape::OpenAi)),
        Held::start("as-429", 429, Renderer::new(Shape::OpenAi).with_held_as_429()),
    ];

    let url = |name: &str, service: &Service| format!("{name}=http://{}/v1", service.address);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let clients = folder.join("target/clients");
    let client = Command::new(program.replace("{clients}", clients.to_str().unwrap()))
        .arg(folder.join("tests/clients").join(script))
        .arg("key-of-ana")
        .args(empty.iter().map(|(name, service)| url(name, service)))
        .args(held.iter().map(|held| url(&held.name, &held.service)))
        .env("NODE_PATH", clients.join("node_modules"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; scripts/test installs the clients"));
    std::thread::scope(|scope| {
        for held in &held {
            scope.spawn(|| held.free_after_a_refusal());
        }
    });
    let client = client.wait_with_output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));

    for (name, service) in &empty {
        let asked = asked(service);
        assert_eq!(asked.iter().map(|it| it.status).collect::<Vec<_>>(), [402], "{name}: {asked:?}");
    }
    for held in &held {
        let asked = asked(&held.service);
        let statuses: Vec<_> = asked.iter().map(|it| it.status).collect();
        assert_eq!(statuses, [held.status, 200], "{}: {asked:?}", held.name);
        let wait = Duration::from_secs(asked[0].retry_after.expect("a wait"));
        assert!(asked[1].at - asked[0].at >= wait, "{}: {asked:?}", held.name);
    }
}

#[test]
#[ignore = "needs openai-python: scripts/test installs it"]
fn openai_python_reads_the_refusal_and_waits_only_if_that_helps() {
    is_understood_by("{clients}/python/bin/python", "refused.py");
}

#[test]
#[ignore = "needs openai-node: scripts/test installs it"]
fn openai_node_reads_the_refusal_and_waits_only_if_that_helps() {
    is_understood_by("node", "refused.js");
}
