//! What the provisioners of all languages do with secrets, sealed answers, outputs and what they read.
//!
//! `desired` says all that it reads. To create `sealed` a hook asks with a secret's token and has a string of the answer
//! sealed; what it makes is pending, and its outputs are both tokens as it holds them, an empty text, and what else the
//! answer says. To create `misplaced` it puts the token into an address.

use groundcrew_author::Language;

use super::misbehaving::Change;

const RUST: &[Change] = &[
    (
        "        let plan: Option<String> = view.owner.label(\"plan\");\n",
        r#"        if !view.inputs.is_empty() {
            let one = |it: &groundcrew_hook::Input| {
                format!("{} {}/{} {}={}", it.hook, it.kind, it.key, it.output.name, it.output.value)
            };
            let all: Vec<_> = view.inputs.iter().map(one).collect();
            return Ok(vec![Spec::new("thing", "read", json!({ "value": all.join(", ") }))]);
        }
        let plan: Option<String> = view.owner.label("plan");
"#,
    ),
    (
        "        misbehave(&want.key)?;\n",
        r#"        misbehave(&want.key)?;
        if want.key == "sealed" {
            return sealed(want);
        }
        if want.key == "misplaced" {
            return Ok(thing(Request::get(url(&format!("/{}", groundcrew_hook::secret("KEY")?))?).send()?.json()?));
        }
"#,
    ),
    (
        "fn misbehave(what: &str)",
        r#"fn sealed(want: &Want) -> Result<Thing> {
    let token = groundcrew_hook::secret("KEY")?;
    let request = Request::post(url("/keys")?).header("authorization", format!("Bearer {token}")).seal("/key");
    let answer: Value = request.json(&json!({ "name": want.key })).send()?.success()?.json()?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let made = Thing::new(text("id"), json!({ "value": null })).pending(1500, text("note"));
    Ok(made.output("key", text("key")).output("token", token).output("empty", "").output("said", text("said")))
}

fn misbehave(what: &str)"#,
    ),
];

const JS: &[Change] = &[
    ("import { Failure, lasting,", "import { Failure, lasting, secret,"),
    (
        "  desired(view) {\n",
        r#"  desired(view) {
    if (view.inputs.length > 0) {
      const one = (it) => `${it.hook} ${it.kind}/${it.key} ${it.output.name}=${it.output.value}`;
      return [spec("thing", "read", { value: view.inputs.map(one).join(", ") })];
    }
"#,
    ),
    (
        "    misbehave(want.key);\n",
        r#"    misbehave(want.key);
    if (want.key === "sealed") return sealed(want);
    if (want.key === "misplaced") return shown(json("GET", url(`/${secret("KEY")}`)));
"#,
    ),
    (
        "function misbehave(what) {\n",
        r#"function sealed(want) {
  const token = secret("KEY");
  const options = { headers: { authorization: `Bearer ${token}` }, seal: ["/key"] };
  const { id, key, note, said } = json("POST", url("/keys"), { name: want.key }, options);
  const more = { state: "pending", note, pollMs: 1500, outputs: { key, token, empty: "", said } };
  return thing(id, { value: null }, more);
}

function misbehave(what) {
"#,
    ),
];

const PYTHON: &[Change] = &[
    (
        "from groundcrew_hook import Err, Failure, lasting,",
        "from groundcrew_hook import Err, Failure, Output, Thing, ThingState, lasting, secret,",
    ),
    (
        "from wit_world.exports import inventory\n",
        "from wit_world.exports import inventory\nfrom wit_world.imports import http\n",
    ),
    (
        "        app = view.owner.path.split(\"/\")[2]\n",
        r#"        if view.inputs:
            all = [f"{it.hook} {it.kind}/{it.key} {it.output.name}={it.output.value}" for it in view.inputs]
            return [spec("thing", "read", Body(value=", ".join(all)))]
        app = view.owner.path.split("/")[2]
"#,
    ),
    (
        "        misbehave(want.key)\n",
        r#"        misbehave(want.key)
        if want.key == "sealed":
            return sealed(want)
        if want.key == "misplaced":
            return shown(fetch("GET", url("/" + secret("KEY"))))
"#,
    ),
    (
        "def misbehave(what):\n",
        r#"def sealed(want):
    token = secret("KEY")
    headers = [("authorization", "Bearer " + token), ("content-type", "application/json")]
    body = json.dumps({"name": want.key}).encode()
    answer = json.loads(http.send(http.Request("POST", url("/keys"), headers, body, ["/key"])).body)
    outputs = {"key": answer["key"], "token": token, "empty": "", "said": answer["said"]}
    return Thing(
        id=answer["id"],
        state=ThingState.PENDING,
        note=answer["note"],
        poll_ms=1500,
        body=json.dumps({"value": None}),
        mark=None,
        outputs=[Output(name=name, value=value) for name, value in outputs.items()],
        made=None,
    )


def misbehave(what):
"#,
    ),
];

const GO: &[Change] = &[
    (
        "\tvar labels struct {\n",
        r#"	if len(view.Inputs) > 0 {
		var all []string
		for _, it := range view.Inputs {
			all = append(all, it.Hook+" "+it.Kind+"/"+it.Key+" "+it.Output.Name+"="+it.Output.Value)
		}
		value := strings.Join(all, ", ")
		return []provision.Spec{{Kind: "thing", Key: "read", Body: hook.Body(body{Value: &value})}}, nil
	}
	var labels struct {
"#,
    ),
    (
        "\tif err := misbehave(want.Key); err != nil {\n",
        r#"	if want.Key == "sealed" {
		return sealed(want)
	}
	if want.Key == "misplaced" {
		token, err := hook.Secret("KEY")
		if err != nil {
			return hook.Thing{}, err
		}
		return hook.Thing{}, call("GET", "/"+token, nil, nil)
	}
	if err := misbehave(want.Key); err != nil {
"#,
    ),
    (
        "func misbehave(what string) error {\n",
        r#"func sealed(want provision.Want) (hook.Thing, error) {
	token, err := hook.Secret("KEY")
	if err != nil {
		return hook.Thing{}, err
	}
	address, err := url("/keys")
	if err != nil {
		return hook.Thing{}, err
	}
	response, err := hook.Send(hook.Request{
		Method: "POST", URL: address, Body: hook.Body(map[string]string{"name": want.Key}), Seal: []string{"/key"},
		Header: [][2]string{{"authorization", "Bearer " + token}, {"content-type", "application/json"}},
	})
	if err != nil {
		return hook.Thing{}, err
	}
	var answer struct{ ID, Key, Note, Said string }
	if err := json.Unmarshal(response.Body, &answer); err != nil {
		return hook.Thing{}, err
	}
	outputs := []hook.Output{{"key", answer.Key}, {"token", token}, {"empty", ""}, {"said", answer.Said}}
	return hook.Thing{
		ID: answer.ID, State: hook.Pending, Note: answer.Note, Poll: 1500 * time.Millisecond,
		Body: hook.Body(body{}), Outputs: outputs,
	}, nil
}

func misbehave(what string) error {
"#,
    ),
];

const C: &[Change] = &[
    (
        "  const char *app = hook_part(view->owner.path, 2);\n",
        r#"  if (view->input_count > 0) {
    const char *all = "";
    for (size_t n = 0; n < view->input_count; n++) {
      const hook_input *it = &view->inputs[n];
      all = hook_format("%s%s%s %s/%s %s=%s", all, n ? ", " : "", it->hook, it->kind, it->key, it->output.name,
                        it->output.value);
    }
    cJSON *read = hook_object("value", hook_string(all));
    hook_add_spec(specs, (hook_spec){.kind = "thing", .key = "read", .body = read});
    return NULL;
  }
  const char *app = hook_part(view->owner.path, 2);
"#,
    ),
    (
        "  HOOK_TRY(misbehave(want->key));\n",
        r#"  HOOK_TRY(misbehave(want->key));
  if (strcmp(want->key, "sealed") == 0) return sealed(want, made);
  if (strcmp(want->key, "misplaced") == 0) {
    const char *token;
    HOOK_TRY(hook_secret("KEY", &token));
    return call("GET", hook_format("/%s", token), NULL, NULL);
  }
"#,
    ),
    (
        "static hook_failure *misbehave(const char *what) {\n",
        r#"static hook_failure *sealed(const hook_want *want, hook_thing *made) {
  const char *token, *server;
  HOOK_TRY(hook_secret("KEY", &token));
  HOOK_TRY(hook_need_text(hook_config(), "server", &server));
  const char *body = cJSON_PrintUnformatted(hook_object("name", hook_string(want->key)));
  const hook_pair headers[] = {{"authorization", hook_format("Bearer %s", token)}, {"content-type", "application/json"}};
  const char *const seal[] = {"/key"};
  const hook_request request = {.method = "POST", .url = hook_format("%s/things/keys", server), .headers = headers,
                                .header_count = 2, .body = {body, strlen(body)}, .seal = seal, .seal_count = 1};
  hook_response response;
  HOOK_TRY(hook_send(&request, &response));
  const cJSON *answer = cJSON_Parse(response.body.data);
  hook_pair *outputs = malloc(4 * sizeof *outputs);
  if (!outputs) abort();
  outputs[0] = (hook_pair){"key", hook_text(answer, "key")};
  outputs[1] = (hook_pair){"token", token};
  outputs[2] = (hook_pair){"empty", ""};
  outputs[3] = (hook_pair){"said", hook_text(answer, "said")};
  *made = (hook_thing){.state = HOOK_PENDING, .note = hook_text(answer, "note"), .poll_ms = 1500,
                       .body = hook_object("value", hook_string(NULL)), .outputs = outputs, .output_count = 4};
  return hook_need_text(answer, "id", &made->id);
}

static hook_failure *misbehave(const char *what) {
"#,
    ),
];

/// What is changed of a source that can already be told to misbehave.
pub(super) fn changes(language: Language) -> &'static [Change] {
    match language {
        Language::Rust => RUST,
        Language::Js | Language::Ts => JS,
        Language::Python => PYTHON,
        Language::Go => GO,
        Language::C => C,
    }
}
