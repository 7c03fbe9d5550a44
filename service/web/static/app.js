// Comfort only: every page works without this file.

// "/" goes to the search field, as in many tools.
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  const field = document.querySelector("input[type=search]");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// A choice takes effect at once; the button remains for a typed text and for those without scripts.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", (event) => {
    if (event.target.type !== "search" && form.reportValidity()) form.requestSubmit();
  });
}
