// What pages do with JavaScript; everything works without it.

// Exact times in the user's time zone; "2 hours ago" has it in the title.
const exact = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
function showTimes({ target }) {
  for (const time of target.querySelectorAll("time[datetime*=T]")) {
    time.title = exact.format(new Date(time.dateTime));
    if (!("relative" in time.dataset)) time.textContent = time.title;
  }
}
showTimes({ target: document });
document.addEventListener("replaced", showTimes); // by live.js

// Dates with times are sent and stored in UTC, and entered in the user's time zone.
for (const input of document.querySelectorAll("input[type=datetime-local]")) {
  const shown = input.value;
  input.value = input.defaultValue;
  const sent = input.value;
  if (sent) input.value = inZone(new Date(`${sent}Z`));
  const entered = input.value;
  if (sent && !entered) { // at the end of the calendar
    input.value = sent;
    continue;
  }
  if (shown !== sent) input.value = shown; // what the user entered, restored by the browser
  input.form.addEventListener("formdata", ({ formData }) => {
    if (input.value) formData.set(input.name, input.value === entered ? sent : new Date(input.value).toISOString().slice(0, -1));
  });
  const hint = document.getElementById(`${input.id}-hint`);
  if (hint) hint.textContent = hint.textContent.replace("In UTC", `${document.body.dataset.inTimeZone}, ${exact.resolvedOptions().timeZone}`);
}

function inZone(moment) {
  const shifted = new Date(moment - moment.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, -1).replace(/(:00)?\.000$/, "");
}

// Menus close when the user clicks elsewhere or presses Escape.
const MENUS = ".menu[open], .more[open], .filters[open], .heading .confirm[open]";
document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll(MENUS)) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const menu of document.querySelectorAll(MENUS)) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});

// The message about the last action: it gets the focus, or if a field has it, is announced like a change.
const message = document.querySelector(".notice[role]");
if (message && !document.querySelector("[autofocus]")) {
  message.tabIndex = -1;
  message.focus();
} else if (message) {
  setTimeout(() => (message.querySelector("p") ?? message).append("\u00a0"), 300);
}

// A submitted form is busy until the next page: it can't be sent twice. If no page follows, it is released.
const RELEASE_AFTER = 10_000; // ms
const release = (form) => form.removeAttribute("aria-busy");

document.addEventListener("submit", (event) => {
  const form = event.target;
  // A field of the form may be called "method".
  if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
  if (form.hasAttribute("aria-busy")) {
    event.preventDefault();
    return;
  }
  form.setAttribute("aria-busy", "true");
  setTimeout(release, RELEASE_AFTER, form);
});

// The browser's Back button may show the page as it was left.
addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(release));
