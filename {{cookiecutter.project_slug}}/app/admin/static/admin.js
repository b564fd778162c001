// What the library does in attributes, which the content security policy forbids: see app/admin/policy.py.
document.addEventListener("click", (event) => {
  if (event.target.closest('[data-admin="apply-columns"]')) applyColumnVisibility();
});
document.addEventListener("change", (event) => {
  if (event.target.matches('[data-admin="go-to"]')) location = event.target.value;
});

// The library's scripts look for their token in a cookie; ours is in the page, and belongs to the session.
const readCookie = Cookies.get;
const csrfToken = document.querySelector('meta[name="csrf-token"]').content;
Cookies.get = (name) => (name === "starlette_admin_csrftoken" ? csrfToken : readCookie(name));

// On a phone each row is a card, and each value needs its column's name; the first stands without.
const columns = [...document.querySelectorAll("th[data-column]")].slice(1);
for (const column of columns) {
  for (const cell of document.querySelectorAll(`td[data-column="${column.dataset.column}"]`)) {
    cell.dataset.label = column.innerText.trim();
  }
}

// What the library's widgets show in place of a field has no name of its own. They are made when the page is ready.
window.StarletteAdmin?.registerFieldInitializer?.((element) => {
  const form = element.jquery ? element[0] : element; // the library passes an added row in another way
  for (const label of form.querySelectorAll("label[for]")) {
    const field = document.getElementById(label.htmlFor);
    const shown = field?._flatpickr?.altInput ?? field?.nextElementSibling?.querySelector(".select2-selection--multiple");
    shown?.setAttribute("aria-label", label.innerText.trim());
  }
  for (const [part, name] of [[".jsoneditor-refresh", "Refresh"], [".jsoneditor-search input", "Search"]]) {
    for (const shown of form.querySelectorAll(part)) shown.setAttribute("aria-label", name);
  }
});
