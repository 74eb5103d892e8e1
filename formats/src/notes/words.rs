//! Words that decide what a dotted word in a text is. Without a mark of the author's a word is a host
//! only where its ending says so and no kind of file has it: what is missed can be marked, what is
//! invented accuses somebody.

/// Top-level domains that make a host of a plain word: the country codes (ISO 3166 and the few
/// besides that are delegated) and the generic ones in everyday use.
const DOMAINS: &str = " ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz \
    ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gb \
    gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh \
    ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc \
    ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk \
    sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn \
    vu wf ws ye yt za zm zw com net org edu gov mil int info biz name pro mobi asia tel arpa example test invalid \
    xyz top online site shop club live icu vip app dev work tech space store fun website cloud host link click buzz \
    today world life ltd group email digital agency news wang ren xin ";

/// Endings of files. Some are top-level domains as well; a plain word with one of them is a file.
const FILES: &str = " 7z a ai app apk asm asp aspx avi bak bas bat bin bmp bz2 c cab cc cfg cgi chm class cmd conf config cpp cpl cr crt \
    cs csh css csv dat db deb dex dll dmg do doc docm docx dot dotm drv dump elf eml env eps exe gif go gz h hta htm html ico ics \
    img in ini inf ini ipa iso jar java jpeg jpg js json jse jsp jspx key ko lib lnk lock log m md mdb mht min ml mm mo \
    mov mp3 mp4 msg msi msix mst ocx odt one onnx out pac pas pcap pdb pdf pem php php5 phtml pif pl pm png pot potx \
    pps ppsx ppt pptm pptx ps ps1 psd psm1 pub pw py pyc pyd rar rb rc reg rpm rs rtf run sc scr sct sh slk so sql src st \
    svg swf sys tar tgz tif tiff tmp ts txt url vb vba vbe vbs vcf vhd vi vmdk war wasm wav wim ws wsc wsf xhtml xll xls xlsb \
    xlsm xlsx xlt xml xpi xps xsl xz yaml yar yara yml z zip zst ";

fn lists(list: &str, word: &str) -> bool {
    let mut words = list.split_ascii_whitespace();
    words.any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a plain word with this last label is taken for a host.
pub(super) fn is_plain_ending(label: &str) -> bool {
    lists(DOMAINS, label) && !lists(FILES, label)
}

/// Whether this last label is one of files only, so that even a word that the author marked is one.
pub(super) fn is_file_only(label: &str) -> bool {
    lists(FILES, label) && !lists(DOMAINS, label) && !lists(" zip mov py md sh pl rs ", label)
}

/// Words before a dotted number that make a version of it.
pub(super) fn is_version_word(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    lists(
        "v ver vers version versions build builds release firmware fw update upgrade patch rev revision sdk 版本 固件 升级至 版本号",
        word,
    )
}

/// Whether a word is a command, whose arguments are files: `rundll32 x.sm,Start` names no host.
pub(super) fn is_command(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let name = word.rsplit(['\\', '/']).next().unwrap_or(word);
    let lower = name.to_ascii_lowercase();
    lists(
        "cmd powershell pwsh rundll32 regsvr32 wscript cscript mshta msiexec schtasks certutil wmic wermgr start copy \
         move rename del xcopy extrac32 expand bash chmod python perl java",
        lower.strip_suffix(".exe").unwrap_or(&lower),
    )
}

/// Words at the start of a line behind which somebody else's text is pointed to.
pub(super) fn is_reference_word(word: &str) -> bool {
    lists(
        "reference references ref refs source sources link links see via report blog credit credits 参考 来源 出处 引用 链接 原文",
        word,
    )
}
