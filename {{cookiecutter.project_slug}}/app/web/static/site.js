// What pages do with JavaScript; everything works without it.

// Times: in the user's time zone, or how long ago. The exact time is in the title.
const exact = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
for (const time of document.querySelectorAll("time[datetime*=T]")) {
  const moment = new Date(time.dateTime);
  const seconds = (moment - Date.now()) / 1000;
  time.title = exact.format(moment);
  time.textContent = "relative" in time.dataset && Math.abs(seconds) < 7 * 86400 ? since(seconds) : time.title;
}

function since(seconds) {
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return ago.format(Math.round(seconds / size), unit);
}

// Menus close when the user clicks elsewhere or presses Escape.
const MENUS = ".menu[open], .more[open], .filters[open]";
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
