
"use strict";
const findings = [...document.querySelectorAll(".finding")];
const words = new Map(findings.map(finding => [
  finding, [...finding.querySelectorAll(":scope > summary, :scope > pre, :scope > td")].map(part => part.textContent).join(" ").toLowerCase(),
]));
const filters = document.getElementById("filters");

function filter() {
  const wanted = document.getElementById("search").value.trim().toLowerCase().split(/\s+/);
  const target = document.getElementById("target").value;
  const statuses = new Set([...filters.querySelectorAll("[name=status]:checked")].map(box => box.value));
  let shown = 0;
  for (const finding of findings) {
    const data = finding.dataset;
    const fits = statuses.has(data.status) && (!target || data.target === target)
      && wanted.every(word => words.get(finding).includes(word));
    finding.hidden = !fits;
    shown += fits;
  }
  document.getElementById("shown").value = shown === findings.length ? "" : `${shown} of ${findings.length}`;
  document.getElementById("none").hidden = shown > 0;
}

async function copy(button) {
  const code = button.parentElement.querySelector("code");
  let done = true;
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {  // no permission, or no secure context
    getSelection().selectAllChildren(code);
    done = document.execCommand("copy");
  }
  button.textContent = done ? "Copied" : "Selected";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function reveal() {
  const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named && named.matches(".finding")) {
    if (named.hidden) { filters.reset(); filter(); }
    named.open = true;
    named.scrollIntoView();
  }
}

if (filters) {
  filters.hidden = false;
  filters.addEventListener("input", filter);
  filters.addEventListener("change", filter);
  filters.addEventListener("submit", event => event.preventDefault());
  filter();  // a browser may have kept what was chosen before
}
for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => findings.forEach(finding => { finding.open = true; }));
reveal();
