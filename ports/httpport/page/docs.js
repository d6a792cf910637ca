"use strict";

// el makes an element with text and children; text never becomes markup.
function el(name, text, ...children) {
  const e = document.createElement(name);
  if (text) e.textContent = text;
  e.append(...children);
  return e;
}

function table(heads, rows) {
  const head = el("tr", "", ...heads.map((h) => el("th", h)));
  return el("table", "", head, ...rows.map((r) => el("tr", "", ...r.map((c) => el("td", "", c)))));
}

function resolve(doc, schema) {
  while (schema && schema.$ref) schema = schema.$ref.slice(2).split("/").reduce((d, k) => d[k], doc);
  return schema || {};
}

function kind(doc, schema) {
  const s = resolve(doc, schema);
  if (s.oneOf || s.anyOf) return (s.oneOf || s.anyOf).map((o) => kind(doc, o)).join(" or ");
  const types = [].concat(s.type || "any").filter((t) => t !== "null").map((t) => (t === "array" ? "list of " + kind(doc, s.items) : t));
  return types.join(" or ") + (s.format ? " (" + s.format + ")" : "") + (s.enum ? ": " + s.enum.join(", ") : "");
}

// fields lists the properties of a schema, nested ones by their path.
function fields(doc, schema, prefix, rows) {
  const s = resolve(doc, schema);
  for (const [name, p] of Object.entries(s.properties || {})) {
    const path = prefix + name;
    const need = (s.required || []).includes(name) ? "required" : "";
    rows.push([el("code", path), kind(doc, p), need, p.description || resolve(doc, p).description || ""]);
    const inner = resolve(doc, p);
    if (inner.items) fields(doc, inner.items, path + "[].", rows);
    else fields(doc, inner, path + ".", rows);
  }
  return rows;
}

function schemaOf(content) {
  const first = Object.values(content || {})[0];
  return first && first.schema;
}

// example makes a value that a schema allows, from its examples where it has some.
function example(doc, schema) {
  const s = resolve(doc, schema);
  if (s.examples && s.examples.length) return s.examples[0];
  if (s.enum) return s.enum[0];
  const type = [].concat(s.type || [])[0];
  if (type === "array") return [example(doc, s.items)];
  if (type === "object" || s.properties) {
    const named = Object.entries(s.properties || {}).filter(([name]) => (s.required || []).includes(name));
    return Object.fromEntries(named.map(([name, p]) => [name, example(doc, p)]));
  }
  return { integer: 1, number: 1, boolean: true }[type] || "text";
}

function curl(doc, method, path, op) {
  const media = op.requestBody && Object.entries(op.requestBody.content)[0];
  let text = "curl -i " + (method === "GET" ? "" : "-X " + method + " ") + "'" + location.origin + path + "'";
  if (media) {
    const body = JSON.stringify(example(doc, media[1].schema)).replaceAll("'", "'\\''");
    text += " \\\n  -H 'Content-Type: " + media[0] + "' \\\n  -d '" + body + "'";
  }
  return text;
}

function show(doc, path, method, op) {
  const title = el("h2", "", Object.assign(el("span", method), { className: "method" }), el("code", path));
  const article = el("article", "", title, el("p", op.summary), el("p", op.description));
  article.id = op.operationId || method + path;
  const params = (op.parameters || []).map((p) => [el("code", p.name), p.in, kind(doc, p.schema), p.required ? "required" : "", p.description || ""]);
  if (params.length) article.append(el("h3", "Parameters"), table(["name", "in", "type", "", ""], params));
  const body = op.requestBody && schemaOf(op.requestBody.content);
  if (body) article.append(el("h3", "Body"), table(["field", "type", "", ""], fields(doc, body, "", [])));
  const answers = Object.entries(op.responses || {}).map(([status, r]) => [el("code", status), r.description || ""]);
  article.append(el("h3", "Answers"), table(["status", ""], answers));
  for (const [status, r] of Object.entries(op.responses || {})) {
    const schema = status < "300" && schemaOf(r.content);
    if (schema) article.append(el("h3", "Answer " + status), table(["field", "type", "", ""], fields(doc, schema, "", [])));
  }
  article.append(el("pre", curl(doc, method, path, op)));
  return article;
}

async function main() {
  const main = document.getElementById("operations");
  const list = el("ul");
  try {
    const doc = await (await fetch("/openapi.json")).json();
    for (const [path, item] of Object.entries(doc.paths || {})) {
      for (const method of ["get", "post", "put", "patch", "delete"].filter((m) => item[m])) {
        const article = show(doc, path, method.toUpperCase(), item[method]);
        const link = Object.assign(el("a", method.toUpperCase() + " " + path), { href: "#" + article.id });
        list.append(el("li", "", link, " ", item[method].summary || ""));
        main.append(article);
      }
    }
    document.getElementById("toc").append(list);
  } catch (e) {
    main.append(Object.assign(el("p", "openapi.json can't be shown: " + e), { className: "error" }));
  }
}

main();
