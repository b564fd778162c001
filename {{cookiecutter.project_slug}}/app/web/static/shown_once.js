// Buttons to copy, download and print codes that are shown once. The file is made here, so no URL or log has the codes.

const buttons = document.querySelector(".keep");
const status = buttons.querySelector("[role=status]");
const codes = [...document.querySelectorAll(".secret code")].map((code) => code.textContent).join("\n");
const about = [...document.querySelectorAll(".secret :is(h2, .whose)")].map((line) => line.textContent).join("\n");

const actions = {
  copy() {
    navigator.clipboard.writeText(codes).then(
      () => { status.textContent = status.dataset.copied; },
      () => { status.textContent = status.dataset.failed; },
    );
  },
  download() {
    const url = URL.createObjectURL(new Blob([`${about}\n\n${codes}\n`], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href: url, download: buttons.dataset.filename }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  },
  print: () => window.print(),
};

for (const button of buttons.querySelectorAll("button")) {
  button.hidden = button.value === "copy" && !navigator.clipboard; // which needs HTTPS
  button.addEventListener("click", actions[button.value]);
}
buttons.hidden = false;
