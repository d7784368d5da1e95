//! Question: how much of a request does the guard take?
//!
//! A: all that the guard does for one request, in process: the key read from its text, the job made, held, captured; and the
//! same where it holds for what its forecast expects, and learns from each capture.
//! B: the CPU time that an axum server (tokio's default runtime, a process of its own) spends on an empty request over
//! loopback, keep-alive, read from the kernel's account of its threads. Linux only.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use billing_guard::{AccountId, Guard, Holding, IdempotencyKey, Job, Policy, Tariff, Usage, wait};
use billing_guard_peers::{Effort, Table, Target, nanos_each, take_turns, usd};

/// An axum server with an empty handler on tokio's default runtime, in a process of its own: this program again.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut process =
            Command::new(program).arg("--serve").stdout(Stdio::piped()).spawn().expect("a process");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("its address");
        let address = line.trim().parse().expect("an address");
        Self { process, address }
    }

    /// Nanoseconds that its threads have run, in user code and in the kernel.
    fn cpu_nanos(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("Linux");
        let nanos = |task: std::io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        tasks.filter_map(nanos).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::main]
async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener, Router::new().route("/", get(|| async {}))).await.expect("serving");
}

/// So many requests over each of several connections at once.
fn load(address: SocketAddr, connections: usize, requests: usize) {
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).expect("a connection");
                stream.set_nodelay(true).expect("no delay");
                let mut answer = [0; 1024];
                for _ in 0..requests {
                    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
                    let read = stream.read(&mut answer).expect("an answer");
                    assert!(
                        answer[..read].starts_with(b"HTTP/1.1 200") && answer[..read].ends_with(b"\r\n\r\n")
                    );
                }
            });
        }
    });
}

/// Everything the guard does for one request that is admitted.
fn guarded(guard: &Guard, account: &AccountId, key: &str) {
    let job = Job::new("query")
        .exact("bytes", 180_u64)
        .at_most("rows", 400_u64)
        .with_key(IdempotencyKey::new(key).expect("a key"));
    let mut hold = wait(guard.hold(account, job)).expect("a hold");
    let usage = Usage::new().with("bytes", 180_u64).with("rows", 120_u64);
    std::hint::black_box(wait(hold.capture(&usage)).expect("a receipt"));
}

fn main() {
    if std::env::args().any(|arg| arg == "--serve") {
        return serve();
    }
    let effort = Effort::from_args();
    let table = Table::new("the guard's share : an empty axum request", effort);
    let tariff =
        Tariff::new().per_unit("bytes", "0.00001").and_then(|tariff| tariff.per_unit("rows", "0.002"));
    let tariff = tariff.expect("a tariff");
    let account = AccountId::new("acct_1").expect("an account");
    let guard = |holding| {
        let policy = Policy::new().with_holding(holding);
        let guard = Guard::in_memory(usd()).price("query", tariff.clone()).policy(policy).build();
        let guard = guard.expect("a guard");
        wait(guard.top_up(&account, IdempotencyKey::unique(), usd().minor(1_000_000_000_000_000)))
            .expect("a top-up");
        guard
    };
    let holdings = [
        ("", guard(Holding::Ceiling), Target::AtMost(0.10)),
        (", with the forecast", guard(Holding::Forecast), Target::AtMost(0.25)),
    ];
    let server = Server::start();
    let mut serial = 0_u64;
    let turns_of =
        [1, 8, 64].into_iter().flat_map(|connections| holdings.iter().map(move |one| (connections, one)));
    for (connections, (how, guard, target)) in turns_of {
        let (cycles, requests) = (effort.pick(50_000, 200), effort.pick(16_000, 160) / connections);
        let turns = take_turns(
            effort.pick(15, 2),
            || {
                let keys: Vec<String> = (0..cycles)
                    .map(|_| {
                        serial += 1;
                        format!("request-{serial:012}")
                    })
                    .collect();
                let start = Instant::now();
                for key in &keys {
                    guarded(guard, &account, key);
                }
                nanos_each(start.elapsed(), cycles)
            },
            || {
                let before = server.cpu_nanos();
                load(server.address, connections, requests);
                (server.cpu_nanos() - before) as f64 / (connections * requests) as f64
            },
        );
        table.turns(&format!("{connections} connection(s){how}"), &turns, *target);
    }
}
