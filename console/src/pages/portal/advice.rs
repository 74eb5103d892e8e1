//! How a party gets rid of what it was told about: some steps for each kind of case, in both languages.

use model::bulletin::Lang;
use model::incident::CaseKind;

/// The steps for a kind of case.
pub(super) fn steps(kind: CaseKind, lang: Lang) -> &'static [&'static str] {
    let (zh, en): (&[&str], &[&str]) = match kind {
        CaseKind::Phishing => (
            &[
                "保存页面文件和访问日志，再停止对外提供访问。",
                "域名若专为仿冒而注册：停止解析；若网站被入侵：删除仿冒目录，查明上传途径并修补。",
                "检查同一客户、同一主机上的其他域名：一套仿冒程序常放多个。",
            ],
            &[
                "Keep the files and access logs, then stop serving the page.",
                "A name registered for the purpose: suspend it. A site that was broken into: remove the folder, find how it was uploaded, and close the way.",
                "Look at the customer's and the host's other names: one kit often serves several.",
            ],
        ),
        CaseKind::MaliciousApp => (
            &[
                "下架应用并删除安装文件，包括历史版本和分发网络中的副本。",
                "核对开发者账号提交的其他应用和签名证书。",
            ],
            &[
                "Delist the app and delete its files, older versions and copies in the delivery network included.",
                "Look at the other apps of the developer's account and at the signing certificate.",
            ],
        ),
        CaseKind::MalwareHosting => (
            &[
                "保存样本和日志，再删除文件或停止提供下载。",
                "查明文件如何被放入，更换口令并更新网站程序。",
            ],
            &[
                "Keep a sample and the logs, then delete the file or stop serving it.",
                "Find out how it got there, change passwords and update the site's software.",
            ],
        ),
        CaseKind::ControlServer | CaseKind::MobileControlServer => (
            &[
                "断开网络前先保存内存、磁盘镜像和连接记录。",
                "关停主机或阻断其通信，不要只改端口或重启。",
                "把连接过该主机的地址告诉我们，以便通知受控主机的主人。",
            ],
            &[
                "Before you disconnect it, keep memory, disk image and records of connections.",
                "Shut it down or cut its traffic; a new port or a restart is not enough.",
                "Tell us which addresses connected to it, so that their owners can be warned.",
            ],
        ),
        CaseKind::InfectedHost => (
            &[
                "按时间和端口在地址转换记录中找到主机或用户。",
                "隔离后清除恶意程序，修补漏洞，更换在该主机上用过的口令。",
            ],
            &[
                "Find the host or user by time and port in the records of address translation.",
                "Isolate it, remove the malware, patch, and change the passwords that were used on it.",
            ],
        ),
        CaseKind::Defacement | CaseKind::Backdoor => (
            &[
                "保存被改的文件和访问日志，再从可信备份恢复。",
                "查找后门文件、异常账户和计划任务，修补被利用的漏洞。",
                "更换管理后台、数据库和文件传输的口令。",
            ],
            &[
                "Keep the changed files and access logs, then restore from a backup that you trust.",
                "Look for hidden files, strange accounts and scheduled tasks, and close the hole that was used.",
                "Change the passwords of administration, database and file transfer.",
            ],
        ),
        CaseKind::Vulnerability => (
            &[
                "核实受影响的版本和对外开放的范围。",
                "安装补丁；暂无补丁时限制访问，并检查是否已被利用。",
            ],
            &[
                "Check which versions are affected and what is reachable from outside.",
                "Install the patch; where there is none, restrict access, and look whether it was used already.",
            ],
        ),
        CaseKind::Spam | CaseKind::Attack => (
            &[
                "按时间和来源地址找到主机或用户。",
                "停止攻击或滥发；若主机被控，按受控主机处理。",
            ],
            &[
                "Find the host or user by time and source address.",
                "Stop the abuse; if the host is controlled by others, clean it.",
            ],
        ),
        CaseKind::Other => (
            &["核实所述情况，处置后在此答复；不清楚时请留言。"],
            &["Check what is described, act, and answer here; write to us if it is not clear."],
        ),
    };
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}
