// Elements in one call; text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string" && !(node instanceof SVGElement)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return node;
}

export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Call `draw(width)` now that the element is laid out, and whenever its width changes. */
export function onWidth(element, draw) {
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width && width !== last) draw((last = width));
  }).observe(element);
}

let labels = 0;

/** A label over its control. */
export function labeled(text, control, hint) {
  control.id = `control-${++labels}`;
  return el("div", { class: "control", title: hint }, el("label", { for: control.id }, text), control);
}

export function select(options, chosen, onchange) {
  const control = el("select", { onchange: () => onchange(control.value) });
  for (const [value, text] of options) {
    control.append(el("option", { value, selected: value === chosen }, text));
  }
  return control;
}
