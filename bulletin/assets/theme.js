addEventListener("DOMContentLoaded",()=>{const b=document.getElementById("theme"),h=document.documentElement;b.hidden=false;
b.onclick=()=>{const d=h.dataset.theme||(matchMedia("(prefers-color-scheme: dark)").matches?"dark":"light");h.dataset.theme=d==="dark"?"light":"dark"}});
