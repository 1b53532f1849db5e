//! What the handlers of all languages tell beside the event: its data, or, where its kind asks for it, what the fleet and
//! their memory hold. They can also be told to misbehave.

use groundcrew_author::Language;

use super::misbehaving::Change;

const RUST: &[Change] = &[
    ("{Event, Handler, Request, Result,", "{Event, Handler, Request, Result, Value, fleet, kv,"),
    (r#""about": about });"#, r#""about": about, "more": more(event)? });"#),
    (
        "/// The hook. It holds nothing",
        r#"fn more(event: &Event) -> Result<Value> {
    misbehave(&event.kind)?;
    match event.kind.as_str() {
        "looks" => {
            let page = fleet::below("fly/acme", None)?;
            let rest = fleet::below("fly/acme", page.next.as_deref())?;
            let paths: Vec<_> = page.subjects.iter().chain(&rest.subjects).map(|it| it.path.clone()).collect();
            let state = fleet::subject("fly/acme/web")?.map(|it| it.state);
            let none = fleet::subject("fly/acme/none")?.is_none();
            Ok(json!({ "paths": paths, "state": state, "none": none }))
        }
        "recalls" => {
            let read = || -> Result<Option<String>> {
                Ok(kv::read("seen")?.map(|it| String::from_utf8_lossy(&it).into_owned()))
            };
            let was = read()?;
            kv::write("seen", event.id.as_bytes())?;
            let is = read()?;
            kv::forget("seen")?;
            let gone = read()?;
            kv::write("seen", event.id.as_bytes())?;
            Ok(json!([was, is, gone]))
        }
        "hoards" => {
            kv::write("seen", &[0; 70_000])?;
            Ok(Value::Null)
        }
        _ => Ok(event.data.clone()),
    }
}

/// The hook. It holds nothing"#,
    ),
];

const JS: &[Change] = &[
    (
        "import { config, hook,",
        "import * as fleet from \"groundcrew:hook/fleet@0.1.0\";\nimport * as kv from \"groundcrew:hook/kv@0.1.0\";\n\
         import { Failure, lasting, config, hook,",
    ),
    ("about: subject?.path ?? null };", "about: subject?.path ?? null, more: more(event) };"),
    (
        "// An error that is thrown",
        r#"function more(event) {
  const read = () => {
    const value = kv.get("seen");
    return value === undefined ? null : new TextDecoder().decode(value);
  };
  const mine = new TextEncoder().encode(event.id);
  misbehave(event.kind);
  if (event.kind === "looks") {
    const page = fleet.below("fly/acme", undefined);
    const rest = fleet.below("fly/acme", page.next);
    const paths = [...page.subjects, ...rest.subjects].map((it) => it.path);
    return { paths, state: fleet.get("fly/acme/web").state, none: fleet.get("fly/acme/none") === undefined };
  }
  if (event.kind === "recalls") {
    const was = read();
    kv.set("seen", mine);
    const is = read();
    kv.delete("seen");
    const gone = read();
    kv.set("seen", mine);
    return [was, is, gone];
  }
  if (event.kind === "hoards") kv.set("seen", new Uint8Array(70000));
  return JSON.parse(event.data);
}

// An error that is thrown"#,
    ),
];

const PYTHON: &[Change] = &[
    (
        "from groundcrew_hook import config, fetch, hook\nfrom wit_world import exports\n",
        "import json\n\nfrom groundcrew_hook import Err, Failure, config, fetch, hook, lasting\nfrom wit_world import exports\n\
         from wit_world.imports import fleet, kv\n",
    ),
    (r#""about": about}"#, r#""about": about, "more": more(event)}"#),
    (
        "# An exception that nobody catches",
        r#"def seen():
    value = kv.get("seen")
    return None if value is None else value.decode()


def more(event):
    misbehave(event.kind)
    if event.kind == "looks":
        page = fleet.below("fly/acme", None)
        rest = fleet.below("fly/acme", page.next)
        paths = [it.path for it in list(page.subjects) + list(rest.subjects)]
        return {"paths": paths, "state": fleet.get("fly/acme/web").state, "none": fleet.get("fly/acme/none") is None}
    if event.kind == "recalls":
        told = [seen()]
        kv.set("seen", event.id.encode())
        told.append(seen())
        kv.delete("seen")
        told.append(seen())
        kv.set("seen", event.id.encode())
        return told
    if event.kind == "hoards":
        kv.set("seen", bytes(70000))
    return json.loads(event.data)


# An exception that nobody catches"#,
    ),
];

const GO: &[Change] = &[
    (
        "import (\n",
        "import (\n\t\"bytes\"\n\t\"time\"\n\n\t\"groundcrew.dev/hook/fleet\"\n\t\"groundcrew.dev/hook/kv\"\n",
    ),
    (
        "\t// Whoever is told twice can know it by the key.\n",
        "\tmore, err := more(event)\n\tif err != nil {\n\t\treturn err\n\t}\n\tbody := struct {\n\t\ttold\n\t\tMore any `json:\"more\"`\n\t}{tells(event), more}\n",
    ),
    ("\"/events\", tells(event), nil,", "\"/events\", body, nil,"),
    (
        "// It holds nothing",
        r#"func more(event handler.Event) (any, error) {
	if err := misbehave(event.Kind); err != nil {
		return nil, err
	}
	switch event.Kind {
	case "looks":
		page := fleet.Below("fly/acme", "")
		rest := fleet.Below("fly/acme", page.Next)
		paths := []string{}
		for _, subject := range append(page.Subjects, rest.Subjects...) {
			paths = append(paths, subject.Path)
		}
		state, none := fleet.Get("fly/acme/web").State, fleet.Get("fly/acme/none") == nil
		return map[string]any{"paths": paths, "state": state, "none": none}, nil
	case "recalls":
		return recalls(event.ID)
	case "hoards":
		return nil, kv.Set("seen", make([]byte, 70_000))
	}
	return event.Data, nil
}

func recalls(id string) (any, error) {
	var told []any
	read := func() error {
		value, found, err := kv.Get("seen")
		if found {
			told = append(told, string(value))
		} else {
			told = append(told, nil)
		}
		return err
	}
	write := func() error { return kv.Set("seen", []byte(id)) }
	forget := func() error { return kv.Delete("seen") }
	for _, step := range []func() error{read, write, read, forget, read, write} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return told, nil
}

// It holds nothing"#,
    ),
];

const C: &[Change] = &[
    ("#include <groundcrew.h>\n", "#include <groundcrew.h>\n#include <stdlib.h>\n#include <string.h>\n"),
    (
        "  /* Whoever is told twice can know it by the key. */\n",
        "  cJSON *more;\n  HOOK_TRY(more_of(event, &more));\n  cJSON_AddItemToObject(body, \"more\", more);\n",
    ),
    (
        "/* Told at least once",
        r#"static hook_failure *recalls(const char *id, cJSON *told) {
  hook_bytes value, mine = {id, strlen(id)};
  HOOK_TRY(hook_kv_get("seen", &value));
  cJSON_AddItemToArray(told, hook_string(value.data));
  HOOK_TRY(hook_kv_set("seen", mine));
  HOOK_TRY(hook_kv_get("seen", &value));
  cJSON_AddItemToArray(told, hook_string(value.data));
  HOOK_TRY(hook_kv_delete("seen"));
  HOOK_TRY(hook_kv_get("seen", &value));
  cJSON_AddItemToArray(told, hook_string(value.data));
  return hook_kv_set("seen", mine);
}

static cJSON *looks(void) {
  hook_subjects page = hook_fleet_below("fly/acme", NULL), rest = hook_fleet_below("fly/acme", page.next);
  cJSON *paths = cJSON_CreateArray();
  for (size_t at = 0; at < page.count; at++) cJSON_AddItemToArray(paths, hook_string(page.items[at].path));
  for (size_t at = 0; at < rest.count; at++) cJSON_AddItemToArray(paths, hook_string(rest.items[at].path));
  cJSON *none = cJSON_CreateBool(hook_fleet_get("fly/acme/none") == NULL);
  return hook_object("paths", paths, "state", hook_string(hook_fleet_get("fly/acme/web")->state), "none", none);
}

static hook_failure *more_of(const hook_event *event, cJSON **more) {
  static const char large[70000];
  HOOK_TRY(misbehave(event->kind));
  if (strcmp(event->kind, "hoards") == 0) return hook_kv_set("seen", (hook_bytes){large, sizeof large});
  if (strcmp(event->kind, "recalls") == 0) {
    *more = cJSON_CreateArray();
    return recalls(event->id, *more);
  }
  *more = strcmp(event->kind, "looks") == 0 ? looks() : cJSON_Duplicate(event->data, 1);
  return NULL;
}

/* Told at least once"#,
    ),
];

/// What is changed in a language's handler.
pub(super) fn changes(language: Language) -> &'static [Change] {
    match language {
        Language::Rust => RUST,
        Language::Js | Language::Ts => JS,
        Language::Python => PYTHON,
        Language::Go => GO,
        Language::C => C,
    }
}
