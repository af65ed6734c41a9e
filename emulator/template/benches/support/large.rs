//! A template of two hundred resources, for benches.

/// Forty resources written out, and four loops of forty.
pub(crate) fn text() -> String {
    let written = (0..40).map(|index| {
        format!(
            r#"{{"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "[concat(parameters('prefix'), '-nsg-{index}')]",
            "location": "[parameters('location')]", "properties": {{"securityRules": []}}}}"#
        )
    });
    let looped = (0..4).map(|index| {
        format!(
            r#"{{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01",
            "name": "[format('{{0}}-net-{index}-{{1}}', parameters('prefix'), copyIndex())]",
            "copy": {{"name": "nets{index}", "count": 40}}, "location": "[parameters('location')]",
            "dependsOn": ["[resourceId('Microsoft.Network/networkSecurityGroups', concat(parameters('prefix'), '-nsg-', copyIndex()))]"],
            "properties": {{"addressSpace": {{"addressPrefixes": ["[cidrSubnet('10.0.0.0/8', 16, copyIndex())]"]}},
              "copy": [{{"name": "subnets", "count": 3, "input": {{"name": "[concat('s', copyIndex('subnets'))]",
                "properties": {{"addressPrefix": "[cidrSubnet(variables('range'), 24, copyIndex('subnets'))]",
                  "networkSecurityGroup": {{"id": "[resourceId('Microsoft.Network/networkSecurityGroups', concat(parameters('prefix'), '-nsg-', copyIndex()))]"}}}}}}}}]}}}}"#
        )
    });
    let resources: Vec<String> = written.chain(looped).collect();
    format!(
        r#"{{"$schema": "s", "contentVersion": "1.0.0.0",
        "parameters": {{"prefix": {{"type": "string", "defaultValue": "[uniqueString(resourceGroup().id)]"}},
          "location": {{"type": "string", "defaultValue": "[resourceGroup().location]"}}}},
        "variables": {{"range": "10.0.0.0/16"}}, "resources": [{}]}}"#,
        resources.join(",\n")
    )
}
