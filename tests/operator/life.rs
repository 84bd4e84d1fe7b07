//! `docs/one-objects-life.md`: the requests of one object from creation to farewell, made from the logs of a real run.
//!
//! A request to Azure is what the simulator logged, one to the API server what that itself audited. The page holds no
//! time and no id of this run, and requests that leave together stand in one order, so it comes out the same each time:
//! here it is made anew and compared. `make life` writes it instead. Must never show what was not asked, or hide what was.

use std::{fmt::Write as _, fs, time::Duration};

use azure_simulator::{Hand, LoggedRequest, Service};
use harness::ControlPlane;
use jiff::Timestamp;
use mdi_operator::api::conditions::types;
use serde_json::{Value, json};

use crate::stage::{Stage, condition, root};

const PAGE: &str = "docs/one-objects-life.md";
/// Set, the page is written.
const WRITE: &str = "MDI_WRITE_PAGES";
const NAME: &str = "my-agents";
const POOL: &str = "pool-linux";

/// Slow enough for the life to end before look-ups that are shared for five minutes are due again.
const TIME_SCALE: f64 = 10.0;
const LOOK_UPS_LAST: Duration = Duration::from_mins(5);
/// A machine that is busy may be too slow for that once.
const ATTEMPTS: u32 = 3;
/// In this time, in real seconds, a pass that has begun comes to its end and the next one does not begin.
const QUIET: Duration = Duration::from_millis(700);

/// Who is asked, in the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    ApiServer,
    Entra,
    DevOps,
    ResourceManager,
}

impl Whom {
    fn column(self) -> &'static str {
        match self {
            Self::ApiServer => "K",
            Self::Entra => "E",
            Self::DevOps => "D",
            Self::ResourceManager => "R",
        }
    }
}

/// One request with its answer, as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    at: Timestamp,
    whom: Whom,
    method: String,
    what: String,
    status: u64,
}

impl Asked {
    fn is_write(&self) -> bool {
        !["GET", "HEAD"].contains(&self.method.as_str()) && self.whom != Whom::Entra
    }

    fn is_of_kubernetes(&self) -> bool {
        self.whom == Whom::ApiServer
    }

    fn is_event(&self) -> bool {
        self.is_of_kubernetes() && self.what.starts_with("event ")
    }

    /// Where it stands among the reads that a pass sends together.
    fn rank(&self) -> Option<u32> {
        match (self.whom, self.what.split(' ').next()?) {
            (Whom::Entra, "token") => Some(0),
            (Whom::DevOps, _) if self.method == "HEAD" => Some(1),
            (Whom::ResourceManager, "subscription") if self.method == "GET" => Some(2),
            (Whom::ResourceManager, "identity") if self.method == "GET" => Some(3),
            _ => None,
        }
    }

    fn arrow(&self) -> String {
        let Self { whom, method, what, status, .. } = self;
        format!("O->>{}: {method} {what} → {status}", whom.column())
    }

    fn of_azure(request: &LoggedRequest, at: Timestamp) -> Self {
        let parts: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
        let short = |id: &str| id.split('-').next().unwrap_or_default().to_owned();
        let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
        let (whom, what) = match (request.service, parts.as_slice()) {
            (Service::Entra, [.., "token"]) => (Whom::Entra, "token".to_owned()),
            (Service::Entra, [.., last]) => (Whom::Entra, (*last).to_owned()),
            (Service::Devops, rest) => (Whom::DevOps, rest.join("/")),
            (_, ["subscriptions", id]) => (Whom::ResourceManager, format!("subscription {}…", short(id))),
            (_, [.., kind, name]) if is(kind, "userAssignedIdentities") => {
                (Whom::ResourceManager, format!("identity {name}"))
            }
            (_, ["subscriptions", id, .., "pools"]) => {
                (Whom::ResourceManager, format!("pools of subscription {}…", short(id)))
            }
            (_, [.., kind, name]) if is(kind, "pools") => (Whom::ResourceManager, format!("pool {name}")),
            (_, [.., "locations", _, _, _]) => (Whom::ResourceManager, "operation".to_owned()),
            (_, rest) => (Whom::ResourceManager, rest.join("/")),
        };
        Self { at, whom, method: request.method.clone(), what, status: request.status.into() }
    }

    fn of_api_server(event: &Value) -> Self {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let body = &event["requestObject"];
        let (resource, part) = (text("/objectRef/resource"), text("/objectRef/subresource"));
        let what = match (resource, part) {
            ("manageddevopsidentities", "status") => format!("status ({})", told(body)),
            ("manageddevopsidentities", "") if text("/verb") == "patch" => {
                match body.pointer("/metadata/finalizers").and_then(Value::as_array).map(Vec::is_empty) {
                    Some(true) => "object, finalizer taken off".to_owned(),
                    Some(false) => "object, finalizer put on".to_owned(),
                    None => "object".to_owned(),
                }
            }
            ("manageddevopsidentities", "") if text("/verb") == "list" => "all objects".to_owned(),
            ("manageddevopsidentities", "") => "object".to_owned(),
            ("customresourcedefinitions", "") => "definition of the kind".to_owned(),
            ("events", "") => format!("event {}", body["reason"].as_str().unwrap_or_default()),
            _ => format!("{resource} {part}"),
        };
        let method = match text("/verb") {
            "create" => "POST".to_owned(),
            "update" => "PUT".to_owned(),
            "list" => "GET".to_owned(),
            other => other.to_uppercase(),
        };
        let status = event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default();
        let at = text("/requestReceivedTimestamp").parse().expect("a time");
        Self { at, whom: Whom::ApiServer, method, what, status }
    }
}

/// What a status says in short: of `Ready`, and of each pool.
fn told(body: &Value) -> String {
    let list = |key: &str| body["status"][key].as_array().cloned().unwrap_or_default();
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let ready = list("conditions").into_iter().filter(|condition| condition["type"] == types::READY);
    let ready = ready.map(|ready| format!("Ready {} {}", word(&ready, "status"), word(&ready, "reason")));
    let pools =
        list("pools").into_iter().map(|pool| format!("{} {}", word(&pool, "name"), word(&pool, "state")));
    ready.chain(pools).collect::<Vec<_>>().join(", ")
}

/// What is told of a part of the life.
struct Told {
    title: &'static str,
    text: &'static str,
    cause: &'static str,
}

const HEAD: &str = "\
# One object's life

Every request that one object causes, from creation to farewell: one identity and one pool, with `deletionPolicy: Delete`. The
page is made from a real run by `make life`: what the simulated Azure logged, and what a real API server audited of the
operator's account. A test makes it anew and fails if it differs.

Requests that leave together stand in one order, times are left out, and `55555555…` is a subscription. The first list of
the process and its watches are not shown: no single object causes them.
";

const PARTICIPANTS: [&str; 5] = [
    "participant K as API server",
    "participant O as Operator",
    "participant E as Entra",
    "participant D as Azure DevOps",
    "participant R as Resource Manager",
];

const CHAPTERS: [Told; 4] = [
    Told {
        title: "Created",
        text: "\
Directories are compared and the finalizer is stored before anything is written to Azure, and what is about to happen to a pool
stands in status before it happens. The change of the pool takes some seconds, and is followed to its end.",
        cause: "kubectl apply",
    },
    Told {
        title: "Settled",
        text: "\
A pass once an `interval`: one read of the identity and of each pool, and no write anywhere. The look-ups of organization and
subscription are shared by all objects for five minutes.",
        cause: "the interval has passed",
    },
    Told {
        title: "Drift",
        text: "Somebody changed a tag. The next pass sees it and brings it back.",
        cause: "somebody changes a tag, then the interval has passed",
    },
    Told {
        title: "Deleted",
        text: "\
The entry leaves the pool, then all pools of the subscription are looked through. Right before the identity is deleted, all objects that
may name it, the identity and the object are read once more; the object goes once two looks have shown that the identity is gone.",
        cause: "kubectl delete",
    },
];

/// A part of the life.
struct Chapter {
    told: &'static Told,
    asked: Vec<Asked>,
}

/// All that a life leaves behind.
struct Life {
    /// On the operator's clock.
    took: Duration,
    chapters: Vec<Chapter>,
}

impl Life {
    async fn live(control_plane: &ControlPlane) -> Self {
        let stage = Stage::at_pace(control_plane, TIME_SCALE).await;
        // Shorter than the time after which Azure asks to be asked again, so it is asked once.
        stage.azure.state().set(|settings| settings.pools.update_seconds = 5.0);
        stage.start_operator(&[]).await;
        let begun = Timestamp::now();
        let simulated = stage.azure.clock().now();
        tokio::time::sleep(QUIET).await;

        let mut cuts = vec![Timestamp::now()];
        let spec = stage.spec(|spec| {
            spec["interval"] = json!("1m");
            spec["deletionPolicy"] = json!("Delete");
            spec["identity"]["tags"] = json!({"team": "blue"});
            spec["pools"] = json!([{"name": POOL}]);
        });
        stage.apply(NAME, spec).await;
        stage
            .until(NAME, "ready", |object| {
                condition(object, types::READY) == Some(("True", "Succeeded"))
                    && object.status.as_ref().and_then(|s| s.pool_summary.as_deref()) == Some("1/1")
            })
            .await;
        tokio::time::sleep(QUIET).await;
        cuts.push(Timestamp::now());

        let before = stage.azure.log().len();
        while stage.azure.log().len() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(QUIET).await;
        cuts.push(Timestamp::now());

        let id = stage.id(NAME);
        let hand = Hand::SetTag { id, key: "team".to_owned(), value: "red".to_owned() };
        stage.azure.state().act(&hand).expect("an identity");
        stage.until_event(NAME, "Normal", "IdentityUpdated").await;
        assert_eq!(stage.tag(NAME, "team").as_deref(), Some("blue"));
        tokio::time::sleep(QUIET).await;
        cuts.push(Timestamp::now());

        stage.delete(NAME).await;
        tokio::time::sleep(QUIET).await;
        cuts.push(Timestamp::now());
        let took = stage.azure.clock().now().duration_since(simulated).unsigned_abs();

        let audit = fs::read_to_string(control_plane.audit_log()).expect("an audit log");
        let real = |time: Timestamp| begun + time.duration_since(simulated).mul_f64(TIME_SCALE.recip());
        let mut asked: Vec<Asked> = audit
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .map(|event| Asked::of_api_server(&event))
            .chain(stage.azure.log().iter().map(|request| Asked::of_azure(request, real(request.time))))
            .collect();
        asked.sort_by_key(|asked| asked.at);
        in_one_order(&mut asked);
        stage.stop_operator().await;
        let chapters = CHAPTERS
            .iter()
            .zip(cuts.windows(2))
            .map(|(told, cut)| {
                let within = |asked: &&Asked| (cut[0]..cut[1]).contains(&asked.at);
                Chapter { told, asked: asked.iter().filter(within).cloned().collect() }
            })
            .collect();
        Self { took, chapters }
    }

    fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        for Chapter { told: Told { title, text, cause }, asked } in &self.chapters {
            let _ = writeln!(page, "\n## {title}\n\n{text}\n\n```mermaid\nsequenceDiagram");
            for participant in PARTICIPANTS {
                let _ = writeln!(page, "    {participant}");
            }
            let _ = writeln!(page, "    Note over K,R: {cause}");
            for asked in asked {
                let _ = writeln!(page, "    {}", asked.arrow());
            }
            page.push_str("```\n");
        }
        page.push_str("\n## In numbers\n\n");
        page.push_str("| | Azure: reads | writes | API server: reads | writes | events |\n");
        page.push_str("|---|---:|---:|---:|---:|---:|\n");
        for Chapter { told, asked } in &self.chapters {
            let count = |is_one: fn(&Asked) -> bool| asked.iter().filter(|asked| is_one(asked)).count();
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} |",
                told.title,
                count(|asked| !asked.is_of_kubernetes() && !asked.is_write()),
                count(|asked| !asked.is_of_kubernetes() && asked.is_write()),
                count(|asked| asked.is_of_kubernetes() && !asked.is_write()),
                count(|asked| asked.is_of_kubernetes() && asked.is_write() && !asked.is_event()),
                count(Asked::is_event),
            );
        }
        page.push_str("\nThe token counts as a read. One is for all objects, until it ends.\n");
        page
    }
}

/// What leaves together arrives in any order: here it stands in one.
fn in_one_order(asked: &mut [Asked]) {
    for run in asked.chunk_by_mut(|one, next| one.rank().is_some() && next.rank().is_some()) {
        run.sort_by_key(Asked::rank);
    }
}

/// The passes of a settled object, which are all alike.
fn passes(asked: &[Asked]) -> Vec<&[Asked]> {
    asked
        .chunk_by(|_, next| !(next.whom == Whom::ApiServer && next.what == "object" && !next.is_write()))
        .collect()
}

#[tokio::test]
async fn the_page_of_one_object_s_life_is_what_a_real_run_makes_of_it() {
    let control_plane = ControlPlane::start().await.expect("a control plane");
    let base = root().join("deploy/base");
    control_plane.kubectl(["apply", "-k", base.to_str().unwrap()]).await.expect("deploy/base");
    let kind = "crd/manageddevopsidentities.mdi-operator.io";
    let wait = ["wait", "--for=condition=Established", kind, "--timeout=30s"];
    control_plane.kubectl(wait).await.expect("the kind");
    let mut life = Life::live(&control_plane).await;
    for _ in 1..ATTEMPTS {
        if life.took < LOOK_UPS_LAST {
            break;
        }
        life = Life::live(&control_plane).await;
    }
    control_plane.stop().await.expect("an end");

    let settled = &life.chapters[1].asked;
    let alike: Vec<Vec<String>> =
        passes(settled).iter().map(|pass| pass.iter().map(Asked::arrow).collect()).collect();
    assert!(alike.windows(2).all(|pair| pair[0] == pair[1]), "settled passes differ: {alike:?}");
    assert!(settled.iter().all(|asked| !asked.is_write()), "a settled pass writes: {settled:?}");
    let one = passes(settled)[0].len();
    life.chapters[1].asked.truncate(one);

    let page = life.page();
    if std::env::var_os(WRITE).is_some() {
        fs::write(root().join(PAGE), page).expect("the page");
        return;
    }
    let stands = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    assert!(
        page == stands,
        "{PAGE} is not what a run makes of it; run `make life` and look at the difference:\n{page}"
    );
}

#[test]
fn what_leaves_together_stands_in_one_order_and_nothing_else_is_moved() {
    let ask = |whom, method: &str, what: &str| Asked {
        at: Timestamp::UNIX_EPOCH,
        whom,
        method: method.to_owned(),
        what: what.to_owned(),
        status: 200,
    };
    let mut asked = vec![
        ask(Whom::ResourceManager, "GET", "identity a"),
        ask(Whom::DevOps, "HEAD", "contoso"),
        ask(Whom::ApiServer, "GET", "object"),
        ask(Whom::ResourceManager, "GET", "identity a"),
        ask(Whom::ResourceManager, "PUT", "identity a"),
        ask(Whom::ResourceManager, "GET", "subscription s"),
    ];
    in_one_order(&mut asked);
    let order: Vec<String> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.what)).collect();
    assert_eq!(
        order,
        [
            "HEAD contoso",
            "GET identity a",
            "GET object",
            "GET identity a",
            "PUT identity a",
            "GET subscription s"
        ]
    );
}
