// A link to a set-up of the prompt lab: its parameters go to the server, which shows them; nothing runs by itself.
(() => {
  if (!new URLSearchParams(location.search).has("lab")) return;
  const waiting = new MutationObserver(() => {
    if (!document.querySelector("#lab-open textarea") || !document.querySelector("#question textarea")) return;
    waiting.disconnect();
    window.consultantTell("lab-open", location.search);
  });
  waiting.observe(document.documentElement, { childList: true, subtree: true });
})();
