const show = (id, text) => { document.getElementById(id).textContent = text; };

const socket = new WebSocket(`ws://${location.host}/echo`);
socket.onmessage = event => show("echo", event.data);
socket.onclose = () => show("echo", "the connection is closed");
const send = () => socket.send(document.getElementById("message").value);
socket.onopen = send;
document.getElementById("talk").onsubmit = event => {
    event.preventDefault();
    send();
};

new EventSource("/events").onmessage = event => show("events", event.data);
