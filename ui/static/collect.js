// Documents for the collection: each chosen file is sent as it is, with the operator's token where one is needed; then
// the server is told to bring the index in line.
(() => {
  const place = () => document.getElementById("collect");
  const say = (words) => { place().querySelector(".said").textContent = words; };
  const follow = (told) => window.consultantTell("collection-do", told);

  async function send(file) {
    const token = document.querySelector("#collection-token input")?.value.trim();
    const headers = { "Content-Type": "application/octet-stream" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (file.size > Number(place().dataset.bytes))
      throw new Error(`${file.name} has more than ${place().dataset.bytes / 1e6} MB. Add it at the command line: consultant ingest FILE`);
    const sent = fetch(`/api/collection?name=${encodeURIComponent(file.name)}`, { method: "POST", headers, body: file });
    const answer = await sent.catch(() => { throw new Error(`${file.name} was not sent. Look at your connection, then choose it again.`); });
    if (!answer.ok) throw new Error((await answer.json()).error);
  }

  async function add(files) {
    const wrong = [];
    let kept = 0;
    for (const file of files) {
      say(`Sending ${file.name} …`);
      await send(file).then(() => { kept += 1; }, (error) => wrong.push(error.message));
    }
    say(wrong.join(" "));
    if (kept) follow("follow");
  }

  addEventListener("change", (event) => {
    if (!event.target.matches("#collect input")) return;
    const files = [...event.target.files];
    event.target.value = "";
    add(files);
  });
  addEventListener("click", (event) => {
    const name = event.target.closest('button[data-do="remove"]')?.dataset.value;
    if (name && confirm(`Remove ${name}? The copy of it that is kept here is deleted.`)) follow(`remove ${name}`);
  });
})();
