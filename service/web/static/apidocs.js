// Shows the API with the Swagger UI of our own server; nothing is asked of any other.
const place = document.getElementById("swagger-ui");
const dark = place.ownerDocument.defaultView.getComputedStyle(document.documentElement).colorScheme === "dark";
document.documentElement.classList.toggle("dark-mode", dark);
SwaggerUIBundle({ url: place.dataset.url, domNode: place, deepLinking: true, validatorUrl: null });
