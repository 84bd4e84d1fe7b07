//! The tester's port: world, outside hands, faults, settings, clock, log. Plain HTTP on loopback.
//!
//! A wrong request is answered with the field and the next step. Nothing here must ever count as a request to Azure.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extracted};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::gate::GateState;
use crate::hand::Hand;
use crate::merge::merge;
use crate::settings::Settings;
use crate::simulation::State;
use crate::world::World;

const MANUAL: &str = include_str!("manual.txt");

/// The routes of the admin port.
pub(crate) fn router(state: State) -> Router {
    Router::new()
        .route("/", get(manual))
        .route("/world", get(world).put(put_world).patch(patch_world))
        .route("/hands/{name}", post(hand))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/gates", get(gates))
        .route("/gates/{name}", post(open_gate))
        .route("/log", get(log).delete(clear_log))
        .route("/clock", get(clock).post(set_clock))
        .route("/settings", get(settings).patch(patch_settings))
        .fallback(nothing_here)
        .with_state(state)
}

/// What was wrong with a request, and what to do.
struct Complaint {
    field: String,
    problem: String,
    next_step: &'static str,
}

impl IntoResponse for Complaint {
    fn into_response(self) -> Response {
        let Self { field, problem, next_step } = self;
        (StatusCode::BAD_REQUEST, Json(json!({"field": field, "problem": problem, "nextStep": next_step})))
            .into_response()
    }
}

fn read<T: DeserializeOwned>(value: Value, next_step: &'static str) -> Result<T, Complaint> {
    serde_path_to_error::deserialize(value).map_err(|error| Complaint {
        field: error.path().to_string(),
        problem: error.inner().to_string(),
        next_step,
    })
}

fn parse(body: &Bytes) -> Result<Value, Complaint> {
    serde_json::from_slice(body).map_err(|error| Complaint {
        field: ".".to_owned(),
        problem: error.to_string(),
        next_step: "send a JSON body; GET / shows examples",
    })
}

fn patched<T: Serialize + DeserializeOwned>(
    current: &T,
    body: &Bytes,
    next_step: &'static str,
) -> Result<T, Complaint> {
    let mut value = serde_json::to_value(current).unwrap_or_default();
    merge(&mut value, parse(body)?);
    read(value, next_step)
}

async fn manual(Extracted(state): Extracted<State>) -> Response {
    let addresses = state.hold().addresses.clone();
    let text = MANUAL
        .replace("{authority}", &addresses.authority)
        .replace("{metadata}", &addresses.metadata)
        .replace("{resource_manager}", &addresses.resource_manager)
        .replace("{devops}", &addresses.devops)
        .replace("{admin}", &addresses.admin);
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

async fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "nothing here; GET / lists everything that is\n").into_response()
}

const WORLD_HELP: &str = "compare with GET /world";

async fn world(Extracted(state): Extracted<State>) -> Json<World> {
    Json(state.with(|world| world.clone()))
}

async fn put_world(Extracted(state): Extracted<State>, body: Bytes) -> Result<Json<World>, Complaint> {
    let newer: World = read(parse(&body)?, WORLD_HELP)?;
    state.replace_world(newer);
    Ok(world_of(&state))
}

async fn patch_world(Extracted(state): Extracted<State>, body: Bytes) -> Result<Json<World>, Complaint> {
    state.with(|world| patched(world, &body, WORLD_HELP).map(|newer| world.replace_with(newer)))?;
    Ok(world_of(&state))
}

fn world_of(state: &State) -> Json<World> {
    Json(state.with(|world| world.clone()))
}

async fn hand(
    Extracted(state): Extracted<State>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Complaint> {
    let mut value = if body.is_empty() { json!({}) } else { parse(&body)? };
    if let Value::Object(members) = &mut value {
        members.insert("hand".to_owned(), Value::String(name));
    }
    let hand: Hand = read(value, "GET / lists the hands and their fields")?;
    state.act(&hand).map_err(|error| Complaint {
        field: error.field.to_owned(),
        problem: error.to_string(),
        next_step: "compare with GET /world",
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn faults(Extracted(state): Extracted<State>) -> Json<Vec<Fault>> {
    Json(state.faults())
}

async fn add_fault(
    Extracted(state): Extracted<State>,
    body: Bytes,
) -> Result<(StatusCode, Json<Vec<Fault>>), Complaint> {
    const HELP: &str = "GET / lists the effects and their fields";
    let value = parse(&body)?;
    let added: Vec<Fault> = if value.is_array() { read(value, HELP)? } else { vec![read(value, HELP)?] };
    for fault in &added {
        if let Some((field, problem)) = fault.problem() {
            return Err(Complaint { field: field.to_owned(), problem: problem.to_owned(), next_step: HELP });
        }
    }
    for fault in added {
        state.script(fault);
    }
    Ok((StatusCode::CREATED, Json(state.faults())))
}

async fn clear_faults(Extracted(state): Extracted<State>) -> StatusCode {
    state.clear_faults();
    StatusCode::NO_CONTENT
}

async fn gates(Extracted(state): Extracted<State>) -> Json<BTreeMap<String, GateState>> {
    Json(state.gates().states().into_iter().collect())
}

async fn open_gate(Extracted(state): Extracted<State>, Path(name): Path<String>) -> StatusCode {
    state.gates().open(&name);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

/// JSON lines, as in the log file.
async fn log(Extracted(state): Extracted<State>, Query(After { after }): Query<After>) -> Response {
    let lines: String = state
        .log_after(after)
        .iter()
        .filter_map(|entry| serde_json::to_string(entry).ok())
        .map(|line| line + "\n")
        .collect();
    ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

async fn clear_log(Extracted(state): Extracted<State>) -> StatusCode {
    state.clear_log();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    advance: Option<f64>,
    scale: Option<f64>,
}

async fn clock(Extracted(state): Extracted<State>) -> Json<Value> {
    let clock = state.clock();
    Json(json!({"now": clock.now(), "scale": clock.scale()}))
}

async fn set_clock(Extracted(state): Extracted<State>, body: Bytes) -> Result<Json<Value>, Complaint> {
    let ClockChange { advance, scale } =
        read(parse(&body)?, "send {\"advance\": seconds} or {\"scale\": factor}")?;
    for (field, value) in [("advance", advance), ("scale", scale)] {
        if value.is_some_and(|value| value < 0.0) {
            return Err(Complaint {
                field: field.to_owned(),
                problem: "is negative".to_owned(),
                next_step: "time only runs forward; send 0 or more",
            });
        }
    }
    let clock = state.clock();
    if let Some(seconds) = advance {
        clock.advance(seconds);
    }
    if let Some(scale) = scale {
        clock.set_scale(scale);
    }
    Ok(Json(json!({"now": clock.now(), "scale": clock.scale()})))
}

async fn settings(Extracted(state): Extracted<State>) -> Json<Settings> {
    Json(state.settings())
}

async fn patch_settings(
    Extracted(state): Extracted<State>,
    body: Bytes,
) -> Result<Json<Settings>, Complaint> {
    let newer: Settings = patched(&state.settings(), &body, "compare with GET /settings")?;
    state.set(|settings| *settings = newer);
    Ok(Json(state.settings()))
}
