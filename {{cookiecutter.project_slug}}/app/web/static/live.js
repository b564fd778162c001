// Shows what changes elsewhere: at an event of the stream, loads the page again and replaces the part that is live.

const part = document.querySelector("[data-live]");
const status = part.nextElementSibling;
const IN_USE = ":active, details[open], [aria-busy], :is(input, select, textarea):focus";
let events, timer, announces;

function schedule(wait) {
  timer ??= setTimeout(refresh, wait); // several changes at once are shown together
}

async function refresh() {
  timer = undefined;
  const response = await fetch(location.href).catch(() => undefined);
  if (!response?.ok || response.redirected) return; // signed out, or offline
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-live]");
  const [now, next] = [part, fresh].map(({ innerHTML }) => innerHTML.replaceAll(/ title="[^"]*"/g, ""));
  if (now === next) return;
  if (part.querySelector(IN_USE)) return schedule(1000);
  const focused = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
  part.replaceChildren(...fresh.childNodes);
  part.dispatchEvent(new Event("replaced", { bubbles: true }));
  status.textContent = ""; // a text is announced only if it changes
  if (focused) (part.querySelector(`[href="${CSS.escape(focused)}"]`) ?? part).focus();
  if (announces) setTimeout(() => { status.textContent = status.dataset.text; }, 100);
  announces = false;
}

// Connected only while the page is visible: browsers open six connections to a site.
function connect() {
  events?.close();
  if (document.hidden) return;
  events = new EventSource(part.dataset.live);
  events.onmessage = ({ data }) => {
    announces ||= JSON.parse(data).name !== "resync";
    schedule(200);
  };
  events.onerror = ({ target }) => {
    if (target.readyState === EventSource.CLOSED) setTimeout(connect, 60_000); // the browser gives up after a 503
  };
}

document.addEventListener("visibilitychange", connect);
addEventListener("load", () => setTimeout(connect, 1000)); // not for those who only pass by
