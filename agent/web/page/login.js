// The one thing the login page has to know: whether it is shown again because the token was wrong.

if (new URLSearchParams(location.search).has("wrong")) {
  document.getElementById("wrong").hidden = false;
  document.getElementById("token").setAttribute("aria-invalid", "true");
}
