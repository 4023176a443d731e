const echo = document.getElementById("echo");
const socket = new WebSocket(`ws://${location.host}/echo`);
socket.onmessage = event => { echo.textContent = event.data; };
socket.onclose = () => { echo.textContent = "closed"; };
document.getElementById("send").onclick = () => socket.send(document.getElementById("message").value);
new EventSource("/events").onmessage = event => {
    document.getElementById("events").textContent = event.data;
};
