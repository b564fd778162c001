// Replaces the library's inline event handlers, which the content security policy blocks: see app/admin/csp.py.
const texts = JSON.parse(document.getElementById("admin-texts").textContent);

document.addEventListener("click", (event) => {
  if (event.target.closest('[data-admin="apply-columns"]')) showSelectedColumns();
});
// The library's function removes `cols` if all columns are selected; here that shows the first few.
function showSelectedColumns() {
  const selected = document.querySelectorAll('[data-sa-hook="column-visibility-toggle"]:checked');
  const url = new URL(location);
  url.searchParams.delete("page");
  url.searchParams.set("cols", [...selected].map((box) => box.value).join(","));
  if (!selected.length) url.searchParams.delete("cols");
  location = url;
}
document.addEventListener("change", (event) => {
  if (event.target.matches('[data-admin="go-to"]')) location = event.target.value;
  if (event.target.matches('[data-admin="theme"]')) {
    localStorage.setItem("admin-theme", event.target.value);
    paint();
  }
});
for (const choice of document.querySelectorAll('[data-admin="theme"]')) {
  choice.value = selectedTheme();
  choice.parentElement.hidden = false;
}

// Keyboard support that the library lacks: Enter opens a row, Escape closes a calendar.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("tr[data-sa-href]")) location = event.target.dataset.saHref;
  if (event.key === "Escape") event.target.previousElementSibling?._flatpickr?.close();
});

// The library's scripts read the CSRF token from a cookie; ours is in the page, and bound to the session.
const readCookie = Cookies.get;
const csrfToken = document.querySelector('meta[name="csrf-token"]').content;
Cookies.get = (name) => (name === "starlette_admin_csrftoken" ? csrfToken : readCookie(name));

// The library's dialogs of actions don't name the row.
document.addEventListener("show.bs.modal", ({ target, relatedTarget: action }) => {
  if (target.id !== "modal-action" || action.dataset.saHeader) return;
  const selected = document.querySelector('[data-sa-hook="actions-selected-counter"]')?.textContent;
  const row = action.closest("[data-title]");
  if (row || action.closest('[data-sa-hook="actions-dropdown"]')) {
    const subject = row ? row.dataset.title : texts.selected.replace("%(count)s", selected);
    document.getElementById("modal-action-title").textContent = `${action.innerText.trim()}: ${subject}`;
    document.getElementById("modal-action-header").classList.remove("d-none");
  }
});

// A dialog that was opened from a menu returns the focus to its button, because the menu is closed by then.
document.addEventListener("show.bs.modal", ({ target, relatedTarget: item }) => {
  const button = item?.closest(".dropdown-menu")?.parentElement.querySelector('[data-bs-toggle="dropdown"]');
  if (button) target.addEventListener("hidden.bs.modal", () => button.focus(), { once: true });
});

// The library's export dialog shows a number of rows only; the page shows whether it is exact.
document.addEventListener("show.bs.modal", (event) => {
  const scope = event.target.querySelector("[data-sa-export-scope]");
  if (scope?.querySelector("[data-sa-export-selected-label]").textContent === (scope?.dataset.saLabelAll ?? "")) {
    const found = document.getElementById("rows-found").textContent;
    scope.querySelector("[data-sa-export-selected-count]").textContent = found;
  }
});

// The library offers to import a file with errors, and rejects a large file without a reason.
const importButton = document.querySelector('[data-sa-action="import-submit"]');
if (importButton) {
  const preview = document.getElementById("import-step-preview");
  const show = (id, isShown) => document.getElementById(id).classList.toggle("d-none", !isShown);
  new MutationObserver(() => {
    const isBusy = importButton.querySelector(".spinner-border") !== null;
    const isPreview = !preview.classList.contains("d-none") && !isBusy;
    const hasErrors = isPreview && document.getElementById("import-preview-errors").childElementCount > 0;
    importButton.classList.toggle("d-none", hasErrors);
    show("import-formats", isPreview);
    show("import-progress", isBusy);
  }).observe(importButton, { childList: true });
  // The bar shows the progress of the upload, then has no value until the transaction is done.
  const progress = document.getElementById("import-progress");
  jQuery.ajaxPrefilter((request, _, response) => {
    if (!(request.data instanceof FormData)) return;
    // A job imports a large file: its page shows the progress. Nothing is left to do for the library's script.
    const then = response.then;
    response.then = (done, failed) =>
      then((answer) => {
        if (answer.location) return location.assign(answer.location);
        show("import-partial", answer.is_partial);
        done(answer);
      }, failed);
    request.xhr = () => {
      const sending = new XMLHttpRequest();
      sending.upload.onprogress = ({ loaded, total }) => (progress.value = loaded / total);
      sending.upload.onloadend = () => progress.removeAttribute("value");
      return sending;
    };
  });
  document.addEventListener("change", ({ target }) => {
    if (target.matches('[data-admin="import-format"]')) {
      document.querySelector('[data-sa-action="import-back"]').click();
      importButton.click();
    }
    if (target.matches('[data-admin="import-file"]')) {
      const size = target.files[0]?.size ?? 0;
      const isLarge = size > Number(target.dataset.maxSize);
      target.setCustomValidity(isLarge ? texts.tooLarge.replace("%(size)s", Math.ceil(size / 1000)) : "");
    }
  });
}

// The library focuses the search of each list, which opens the keyboard of phones. Where there is another, the next word
// can be added to a search.
const searchBox = document.querySelector('input[name="q"]');
if (searchBox && (!searchBox.value || matchMedia("(pointer: coarse)").matches)) searchBox.focus = () => {};

// The library's alerts are closed by a link without a URL, which the keyboard can't reach.
const alertTemplate = document.querySelector('[data-sa-template="alert"]')?.content;
for (const link of [document, alertTemplate].flatMap((part) => [...(part?.querySelectorAll("a.btn-close") ?? [])])) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn-close", ariaLabel: texts.close });
  button.dataset.bsDismiss = "alert";
  link.replaceWith(button);
}

// The library's headings of inline records skip a level.
for (const heading of document.querySelectorAll("h3.card-title")) heading.ariaLevel = 2;

// The library's column of actions has no heading.
const unnamed = document.querySelector("th.w-1:empty");
const [actionsName] = document.querySelector("td .dropdown > [aria-label]")?.ariaLabel.split(":") ?? [texts.actions];
unnamed?.append(Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: actionsName }));

// Times in the user's time zone, with the one in UTC as title; lists and the history show how long ago recent ones are.
const language = document.documentElement.lang;
const exactly = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const relatively = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
for (const time of document.querySelectorAll("time[datetime*=T]")) {
  const shown = exactly.format(new Date(time.dateTime));
  const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? [];
  const isRecent = time.closest("td, .history") && Math.abs(seconds) < 7 * 86_400;
  const ago = unit ? relatively.format(Math.trunc(seconds / size), unit) : texts.justNow;
  time.textContent = isRecent ? ago : shown;
  time.title = isRecent ? `${shown} (${time.title})` : time.title;
}

// Times are sent and stored in UTC, and entered in the user's time zone. This runs before the calendars are created.
for (const input of document.querySelectorAll("input.field-datetime")) {
  const sent = new Date(`${input.defaultValue}Z`);
  if (isNaN(sent)) continue;
  input.dataset.sent = input.defaultValue;
  const shown = new Date(sent - sent.getTimezoneOffset() * 60_000);
  input.value = shown.toISOString().slice(0, 19);
  if (!input.value) input.value = input.defaultValue; // at the end of the calendar
  input.dataset.shown = input.value;
}
for (const hint of document.querySelectorAll(".form-hint, .inline-table small")) {
  hint.textContent = hint.textContent.replace(texts.inUTC, `${texts.inTimeZone}, ${exactly.resolvedOptions().timeZone}.`);
}
document.addEventListener("formdata", ({ target, formData }) => {
  for (const { name, dataset } of target.querySelectorAll("input.field-datetime[name]")) {
    const entered = new Date(formData.get(name)?.replace(" ", "T")); // null if the input is disabled
    if (isNaN(entered)) continue;
    const isChanged = Number(entered) !== Number(new Date(dataset.shown));
    formData.set(name, isChanged ? entered.toISOString().slice(0, 19) : dataset.sent);
  }
});

// Names the inputs of the library's date and select widgets, which it creates when the page is ready.
window.StarletteAdmin?.registerFieldInitializer?.((element) => {
  const form = element.jquery ? element[0] : element; // the library passes an added inline row as an element
  for (const label of form.querySelectorAll("label[for]")) {
    const field = document.getElementById(label.htmlFor);
    const { altInput, mobileInput } = field?._flatpickr ?? {};
    mobileInput?.removeAttribute("tabindex"); // 1, before all others of the page
    const search = field?.nextElementSibling?.querySelector("textarea"); // of Select2, for several options
    search?.removeAttribute("role");
    search?.setAttribute("aria-label", label.innerText.trim());
    const input = mobileInput ?? altInput ?? field?.nextElementSibling?.querySelector(".select2-selection--multiple");
    input?.setAttribute("aria-label", label.innerText.trim());
    const select = field?.nextElementSibling?.querySelector(".select2-selection--single");
    label.id ||= `${label.htmlFor}-label`;
    select?.setAttribute("aria-labelledby", `${label.id} ${select.getAttribute("aria-labelledby")}`);
  }
});

// Select2's texts in the language of the page.
const select2Texts = Object.fromEntries(Object.entries(texts.select2).map(([name, text]) => [name, () => text]));
window.jQuery?.fn.select2?.defaults.set("language", select2Texts);

// The library's pickers have an English placeholder.
for (const kind of window.jQuery?.fn.select2 ? ["single", "multiple"] : []) {
  const selection = jQuery.fn.select2.amd.require(`select2/selection/${kind}`).prototype;
  const display = selection.display;
  selection.display = function (...shown) {
    const text = display.apply(this, shown);
    return text === "Search..." ? texts.search : text;
  };
}

// The names of a calendar's inputs aren't part of its catalogs.
const { ariaDateFormat, ...inputNames } = texts.calendar;
window.flatpickr?.setDefaults({ ariaDateFormat });
Object.assign(window.flatpickr?.l10ns.default ?? {}, inputNames);

// Select2 refers to its active option by an ID, but sets none.
const options = window.jQuery?.fn.select2?.amd.require("select2/results").prototype;
if (options) {
  const option = options.option;
  options.option = function (data) {
    data._resultId ??= `option-${data.id}`;
    return option.call(this, data);
  };
}

// Filters by a related row use the same picker as forms; the library's filters support only fixed choices.
const rowPickers = JSON.parse(document.getElementById("row-pickers")?.textContent ?? "{}");
const filterMenu = document.getElementById("filter-builder-dropdown");
const showRowPickers = () => {
  for (const row of filterMenu.querySelectorAll('[data-sa-hook="filter-row"]')) {
    const [field, operator, select] = ["field", "op", "value-select"].map((part) =>
      row.querySelector(`[data-sa-hook="filter-row-${part}"]`),
    );
    if (jQuery(select).data("select2")) jQuery(select).select2("destroy");
    if (operator.value !== "is" || !rowPickers[field.value]) continue;
    const query = ({ term, page = 1 }) => ({ q: term, skip: (page - 1) * 20, limit: 20 });
    const results = ({ items, total }, { page = 1 }) => ({
      results: items.map((item) => ({ id: item._meta.key, text: item._meta.repr })),
      pagination: { more: page * 20 < total },
    });
    const ajax = { url: rowPickers[field.value], dataType: "json", data: query, processResults: results };
    jQuery(select).select2({ width: "100%", dropdownParent: jQuery(row), language: select2Texts, ajax });
  }
};
if (filterMenu && Object.keys(rowPickers).length) {
  filterMenu.addEventListener("change", ({ target }) => {
    if (target.matches('[data-sa-hook="filter-row-field"], [data-sa-hook="filter-row-op"]')) showRowPickers();
  });
  filterMenu.addEventListener("click", ({ target }) => {
    if (target.closest("[data-sa-action]")) showRowPickers();
  });
  window.addEventListener("load", showRowPickers);
}

// The summary of errors is read first. Select2 and flatpickr hide the fields that its links lead to.
const formErrors = document.querySelector(".form-errors");
formErrors?.focus();
formErrors?.addEventListener("click", (event) => {
  const field = document.getElementById(event.target.closest("a")?.hash.slice(1));
  const shown = field?._flatpickr?.altInput ?? field?.nextElementSibling?.querySelector(".select2-selection") ?? field;
  if (!shown) return;
  event.preventDefault();
  shown.focus();
});

// Inline rows: rows can only be added with this script. A removed new row leaves the focus on the button below.
for (const add of document.querySelectorAll(".inline-add-row")) add.hidden = false;
document.addEventListener("click", ({ target }) => {
  const add = target.closest(".inline-delete-btn")?.closest(".inline-formset").querySelector(".inline-add-row");
  if (add) setTimeout(() => add.focus());
}, true); // before the library removes the row

// The page of an export or import that runs as a job: reloads the progress, then the whole card once the job has ended.
const jobCard = document.querySelector('[data-admin="reload"]');
const reloadCard = async () => {
  const page = await fetch(location.href).catch(() => null); // the connection may come back
  const template = document.createElement("template"); // it applies no styles, which the policy would report
  template.innerHTML = page ? await page.text() : "";
  const shown = template.content.getElementById("transfer");
  if (page?.ok && !shown) return location.reload(); // signed out
  const isActive = shown?.matches('[data-admin="reload"]');
  if (shown && !isActive) {
    for (const part of ["card-body", "card-footer"]) {
      jobCard.querySelector(`.${part}`).replaceChildren(...shown.querySelector(`.${part}`).children);
    }
    return;
  }
  for (const part of isActive ? ["#transfer-state", "progress"] : []) {
    jobCard.querySelector(part).replaceWith(shown.querySelector(part));
  }
  setTimeout(reloadCard, 1500);
};
if (jobCard) setTimeout(reloadCard, 1500);
